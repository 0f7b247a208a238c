"""One member: why she was or wasn't messaged, out of reach and back, forgotten."""

import typer


def register(app: typer.Typer) -> None:
    """Add these commands."""
