"""The rules of texting people, as pure functions: no database, no network, no clock, no settings."""
