"""The demo's story: people who don't exist, what they do, and what must be true after it."""
