"""What providers tell us: receipts and inbound texts, verified, kept, and acted on at once."""
