"""What Blast knows and does, apart from the doors through which people and providers reach it."""
