"""The modal in which people are imported: a file, and the audience they go into; and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import Invalid
from core.models import AudienceKind
from core.slack import blocks
from core.slack.blocks import Block
from core.usecases import audiences
from core.usecases.importing import Tally

CALLBACK = "blast.import"
FILE, AUDIENCE, KIND = "file", "audience", "kind"
LARGEST = 10 * 1024 * 1024  # bytes; Slack takes no larger file in a modal

_EXTENSIONS = ("csv", "tsv", "txt")
_KINDS = {AudienceKind.COMMUNITY: "Community: members", AudienceKind.EVENT: "Event: registrations"}
_TOLD = 20


@dataclass(frozen=True, slots=True)
class Upload:
    """What somebody wants imported."""

    file_id: str
    audience: str
    kind: AudienceKind


def render() -> Block:
    """Draw the modal."""
    kinds = [blocks.option(label, kind.value) for kind, label in _KINDS.items()]
    file = {"type": "file_input", "action_id": FILE, "filetypes": list(_EXTENSIONS), "max_files": 1}
    radio = {"type": "radio_buttons", "action_id": KIND, "options": kinds, "initial_option": kinds[0]}
    return blocks.modal(
        CALLBACK,
        "Import people",
        [
            blocks.input_block("CSV file", file, block_id=FILE, hint=_HINT),
            blocks.input_block(
                "Audience",
                blocks.text_input(AUDIENCE, most=75, placeholder=blocks.plain("tenants")),
                block_id=AUDIENCE,
                hint="It is made if there is none of this name.",
            ),
            blocks.input_block("Kind", radio, block_id=KIND, hint="The two kinds never mix in one audience."),
        ],
        submit="Import",
    )


_HINT = (
    "With a row of column names, one of them for phone numbers. At most 10 MB. "
    "Whoever has opted out stays so, whatever the file says."
)


def read(view: Mapping[str, Any]) -> Upload:
    """Read what stands in the modal.

    Raises:
        Invalid: a file or a name is missing, or the file can't be a CSV file; names the field.
    """
    try:
        values = view["state"]["values"]
        files = values[FILE][FILE].get("files") or []
        name = values[AUDIENCE][AUDIENCE].get("value") or ""
        kind = AudienceKind(values[KIND][KIND]["selected_option"]["value"])
        file_id = _file(files)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Invalid("This form can't be read. Close it and open it again.", field=FILE) from None
    return Upload(file_id, audiences.parse_name(name), kind)


def accepted(upload: Upload) -> Block:
    """Draw what is shown once the file is on its way."""
    text = f"The file is being imported into *{blocks.escape(upload.audience)}*. I'll message you when it is done."
    return blocks.modal(CALLBACK, "Import people", [blocks.section(text)])


def report(name: str, audience: str, tally: Tally) -> str:
    """Say what became of a file's rows."""
    counts = (
        (tally.added, "added"),
        (tally.updated, "updated"),
        (tally.unchanged, "unchanged"),
        (tally.duplicates, "duplicate" if tally.duplicates == 1 else "duplicates"),
        (tally.rejected, "rejected"),
    )
    told = ", ".join(f"{count:,} {word}" for count, word in counts if count)
    return (
        f"*{blocks.escape(name)}*: {blocks.counted(tally.rows, 'row')}: {told}. "
        f"*{blocks.escape(audience)}* now has {blocks.counted(tally.members, 'member')}."
        f"{_MEND if tally.rejected else ''}"
    )


def returned_name(name: str) -> str:
    """Name the file of refused rows."""
    return f"{name[:200]}.errors.csv"


def sentences(refused: Sequence[tuple[int, str]], count: int) -> str:
    """Say why rows were refused, when their file can't be sent back."""
    lines = [f"• line {line:,}: {blocks.escape(sentence)}" for line, sentence in refused[:_TOLD]]
    more = f"\n… and {count - len(lines):,} more." if count > len(lines) else ""
    head = "These rows could not be taken. I couldn't send them back as a file: that takes the scope files:write."
    return blocks.cut("\n".join([head, *lines]), blocks.SECTION - len(more)) + more


_MEND = " The rejected rows follow with a sentence each: mend them, and import them again."


def refusal(name: str, sentence: str) -> str:
    """Say why nothing of a file was taken."""
    return f"*{blocks.escape(name)}* was not imported. {blocks.escape(sentence)}"


def _file(files: Sequence[Mapping[str, Any]]) -> str:
    if len(files) != 1:
        raise Invalid("Choose one file.", field=FILE)
    name, size = str(files[0].get("name") or ""), int(files[0].get("size") or 0)
    if size > LARGEST:
        raise Invalid("The file is larger than 10 MB. Split it.", field=FILE)
    extension = name.rpartition(".")[2].lower()
    if extension in ("xlsx", "xls", "ods", "numbers", "pdf"):
        raise Invalid(f"This is a .{extension} file. Save it as “CSV UTF-8”, and choose that.", field=FILE)
    return str(files[0]["id"])
