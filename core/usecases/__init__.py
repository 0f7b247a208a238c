"""What can be done, one module a stage: each is given a session, never commits, and does no I/O but SQL."""
