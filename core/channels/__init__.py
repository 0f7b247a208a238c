"""The doors through which messages leave."""
