"""How Blast looks in Slack, and how it speaks to it."""
