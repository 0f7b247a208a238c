"""Journeys in which processes and servers are killed in mid-work."""
