"""`python -m core.cli`, for where the console script isn't installed."""

from core.cli import main

main()
