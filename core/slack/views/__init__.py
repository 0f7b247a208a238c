"""What staff see in Slack: each view with the parser of what comes back from it."""
