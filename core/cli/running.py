"""Running the house: setting the database up, looking whether all is well, and clearing away what is old."""

import typer

from core.cli import show


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(migrate)


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
