"""How Blast is set up and run: what the Makefile calls, and samples for real servers."""
