"""What staff touch: a file for each Slack surface, and the doors through which Slack reaches them."""
