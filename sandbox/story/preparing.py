"""Before the blast: the list is imported, and members of staff get their roles."""

from pathlib import Path

from sandbox.story.command import CommandLine
from sandbox.story.stand_ins import APPROVER, ORGANIZER, SECOND_APPROVER
from sandbox.story.story import AUDIENCE, Story

ROLES = ((ORGANIZER, "organizer"), (APPROVER, "approver"), (SECOND_APPROVER, "approver"))
# In the story the author could approve what others write: what she is refused is her own.
_ROLES_IN_STORY = ((ORGANIZER, "approver"), (APPROVER, "approver"))
_SHOWN = 4


def import_list(story: Story) -> None:
    """Save the list as a spreadsheet would have, and import it."""
    teller, crowd = story.teller, story.crowd
    teller.chapter("A list of people, as people have them")
    path = story.folder / "members.csv"
    crowd.write(path)
    teller.say(f"{path.name}: {len(crowd.rows):,} rows in cp1252 with semicolons, numbers in nine notations,")
    teller.say(f"{crowd.repeated} people twice, {crowd.bad} numbers that can't be texted. It begins:")
    teller.listing(path.read_text(encoding="cp1252").splitlines()[: _SHOWN + 1])
    teller.say(f'blast import {path.name} --audience "{AUDIENCE}"', style="bold")
    teller.listing(add_people(story.terminal, path).splitlines())
    errors = path.with_name(f"{path.name}.errors.csv")
    teller.say(f"What could not be imported stands in {errors.name}, each row with its reason:")
    teller.listing(errors.read_text(encoding="utf-8-sig").splitlines()[: _SHOWN + 1])


def name_staff(story: Story) -> None:
    """Let two people approve; one of them is going to write the blast."""
    story.teller.chapter("Who may do what")
    for user, role in _ROLES_IN_STORY:
        story.teller.say(f"blast staff add {user} --role {role}", style="bold")
        story.teller.listing(add_staff(story.terminal, user, role).splitlines())


def add_people(terminal: CommandLine, path: Path) -> str:
    """Import a list; return what the command said."""
    return terminal.run("import", path, "--audience", AUDIENCE)


def add_staff(terminal: CommandLine, user: str, role: str) -> str:
    """Give somebody a role; return what the command said."""
    return terminal.run("staff", "add", user, "--role", role)
