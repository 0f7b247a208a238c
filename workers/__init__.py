"""What happens without anyone waiting."""
