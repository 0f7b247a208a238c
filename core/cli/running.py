"""Running the house: setting the database up, looking whether all is well, and clearing away what is old."""

from datetime import timedelta
from typing import Annotated

import typer

from core.cli import show
from core.cli.show import AsJson


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (migrate, doctor, cleanup):
        app.command()(command)


def migrate() -> None:
    """Bring the database to the newest schema, and make the first admins (SLACK_ADMINS)."""
    from core import db, settings
    from core.clock import utc_now
    from core.usecases import staffing

    configured = settings.current()
    db.migrate(configured.database_url)
    with db.transaction() as session:
        staffing.bootstrap(session, configured.slack_admins, now=utc_now())
    show.line("The database is up to date.")


def doctor(*, as_json: AsJson = False) -> None:
    """Look whether everything that Blast needs is there and works; exit code 1 if something doesn't."""
    from core.cli import checks

    found = checks.run()
    if as_json:
        show.as_json([check.as_json() for check in found])
    else:
        for check in found:
            show.line(f"{'ok     ' if check.is_well else 'problem'}  {check.name}: {check.told}")
    if not all(check.is_well for check in found):
        raise typer.Exit(1)


def cleanup(
    *,
    days: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="Keep so many days; RETENTION_DAYS unless given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Clear away messages, receipts and texts older than RETENTION_DAYS; counts, contacts and opt-outs are kept."""
    from collections import Counter

    from core import db, settings
    from core.clock import utc_now
    from core.usecases import cleanup

    now, cleared = utc_now(), Counter[str]()
    before = now - timedelta(days=days or settings.current().retention_days)
    # Little steps, so that a STOP never waits for long.
    while True:
        with db.transaction() as session:
            gone = cleanup.clean(session, before=before, now=now)
        cleared.update(gone)
        if not any(gone.values()):
            break
    if as_json:
        show.as_json(cleared)
    else:
        show.line("Cleared away: " + ", ".join(f"{count:,} {name}" for name, count in cleared.items()) + ".")
