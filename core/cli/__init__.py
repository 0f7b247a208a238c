"""The command line, `blast`: what operators do, and small questions about texts, keywords and codes."""

import sys

from core.cli.app import app
from core.errors import Misconfigured, Rejected

__all__ = ["app", "main"]


def main() -> None:
    """Carry out one command: exit code 0 done, 1 refused with one line on stderr, 2 wrong usage."""
    try:
        app(prog_name="blast")
    except (Rejected, Misconfigured) as refusal:
        _refuse(str(refusal))
    except Exception as failure:
        sentence = _of_the_database(failure)
        if sentence is None:
            raise
        _refuse(sentence)


def _refuse(sentence: str) -> None:
    print(sentence, file=sys.stderr)
    raise SystemExit(1)


def _of_the_database(failure: Exception) -> str | None:
    """Say what to do about a database that isn't there; None for everything that is a bug."""
    # Only a command that used the database has paid for this import.
    if "sqlalchemy" not in sys.modules:
        return None
    from sqlalchemy import exc

    if not isinstance(failure, exc.OperationalError | exc.ProgrammingError):
        return None
    cause = str(failure.orig).strip().splitlines()[0]
    if isinstance(failure, exc.ProgrammingError) or "no such table" in cause or "no such column" in cause:
        is_behind = "no such" in cause or "does not exist" in cause
        return "The database isn't set up for this version. Run `blast migrate` first." if is_behind else None
    return f"The database can't be used: {cause}. Check DATABASE_URL, and that the server runs."
