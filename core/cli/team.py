"""Staff: who may compose, approve and administer."""

from typing import Annotated, Literal

import typer

from core.cli import show
from core.cli.show import AsJson

_Role = Annotated[Literal["organizer", "approver", "admin"], typer.Option(help="What they may do.")]
_User = Annotated[str, typer.Argument(metavar="USER", help="A Slack user's id, such as U024BE7LH.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    staff = typer.Typer(no_args_is_help=True, help="Who may do what.")
    staff.command()(add)
    staff.command("list")(everybody)
    app.add_typer(staff, name="staff")


def add(user: _User, role: _Role, *, as_json: AsJson = False) -> None:
    """Give a Slack user a role, whatever theirs was before."""
    from core import db
    from core.clock import utc_now
    from core.models import Role
    from core.usecases import staffing

    with db.transaction() as session:
        staff = staffing.add(session, user, Role(role), now=utc_now())
    if as_json:
        show.as_json({"slack_user_id": staff.slack_user_id, "role": staff.role, "is_active": staff.is_active})
    else:
        show.line(f"{staff.slack_user_id} is now {staff.role.value}.")


def everybody(*, as_json: AsJson = False) -> None:
    """List the staff and their roles."""
    import sqlalchemy as sa
    from sqlmodel import col

    from core import db
    from core.models import Staff

    with db.reading() as session:
        found = session.scalars(sa.select(Staff).order_by(col(Staff.created_at))).all()
    columns = ("slack_user_id", "role", "is_active", "created_at")
    rows = [{name: getattr(each, name) for name in columns} for each in found]
    if as_json:
        show.as_json(rows)
    else:
        show.table(
            columns, ([str(row["slack_user_id"]), row["role"], row["is_active"], row["created_at"]] for row in rows)
        )
