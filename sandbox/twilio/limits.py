"""What fits into one message."""

BODY_LIMIT = 1_600  # characters
MEDIA_LIMIT = 10
