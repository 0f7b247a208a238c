"""The commands, put together."""

import typer

from core.cli import answers, assistant, blasts, codes, events, help_texts, history, members, pools, running, team

# Only the modules' signatures are loaded here: what a command needs is imported when it runs.
app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Blast: text your members from Slack, safely.",
)
for module in (running, pools, team, blasts, members, codes, history, answers, help_texts, assistant, events):
    module.register(app)
