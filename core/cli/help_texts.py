"""What HELP is answered, by audience and channel."""

from typing import Annotated, Literal

import typer

from core.cli import show
from core.cli.show import AsJson

_Audience = Annotated[str | None, typer.Option("--audience", help="For members of this audience; else for everybody.")]
_Channel = Annotated[Literal["sms", "email"], typer.Option("--channel", help="How they ask.")]
_Text = Annotated[str, typer.Argument(metavar="TEXT", help="Must have {organization} and STOP; one text's length.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    group = typer.Typer(no_args_is_help=True, help="What HELP is answered; the usual words where nothing is set.")
    group.command("set")(put)
    group.command()(remove)
    group.command("list")(everything)
    app.add_typer(group, name="help-texts")


def put(text: _Text, *, audience: _Audience = None, channel: _Channel = "sms") -> None:
    """Say what HELP is answered; the text that there was before is replaced."""
    from core import db, settings
    from core.clock import utc_now
    from core.models import ChannelName
    from core.usecases import help_texts

    organization, by = settings.current().organization_name, ChannelName(channel)
    with db.transaction() as session:
        help_texts.put(session, text, audience=audience, channel=by, organization=organization, now=utc_now())
    show.line(f"HELP by {channel} is answered with this for {audience or 'everybody'}.")


def remove(*, audience: _Audience = None, channel: _Channel = "sms") -> None:
    """Answer HELP as usual again."""
    from core import db
    from core.models import ChannelName
    from core.usecases import help_texts

    with db.transaction() as session:
        help_texts.remove(session, audience=audience, channel=ChannelName(channel))
    show.line("It is removed.")


def everything(*, as_json: AsJson = False) -> None:
    """List what is set."""
    from core import db
    from core.usecases import help_texts

    with db.reading() as session:
        found = [(name, each.channel.value, each.body) for each, name in help_texts.listed(session)]
    columns = ("audience", "channel", "text")
    if as_json:
        show.as_json([dict(zip(columns, row, strict=True)) for row in found])
    else:
        show.table(columns, ((name or "(everybody)", *rest) for name, *rest in found))
