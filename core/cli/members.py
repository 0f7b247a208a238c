"""One member: why she was or wasn't messaged, out of reach and back, forgotten."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.cli import show
from core.cli.show import AsJson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.models import Suppression
    from core.usecases.omissions import Missed
    from core.usecases.tracing import Story

_Address = Annotated[str, typer.Argument(metavar="PHONE", help="A phone number or an e-mail address.")]
_BLASTS = 10


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (why, suppress, lift, erase):
        app.command()(command)


def why(phone: _Address, *, as_json: AsJson = False) -> None:
    """Tell for each blast of late whether somebody got it, and if not, why; and what holds her out of reach."""
    from core import db
    from core.usecases import omissions, tracing

    with db.reading() as session:
        story = tracing.why(session, phone)
        missed = omissions.missed(session, story.address, most=_BLASTS)
        held = omissions.suppressions(session, story.address)
    messages = sorted([*_deliveries(story), *_missed(missed)], key=lambda each: each["at"], reverse=True)
    if as_json:
        known = {
            "address": story.address,
            "is_contact": story.is_known,
            "audiences": list(story.audiences),
            "left": list(story.left),
        }
        show.as_json({**known, "suppressions": _suppressions(held), "messages": messages})
        return
    audiences = ", ".join(story.audiences) or "none"
    show.line(f"{story.address}: {'a contact' if story.is_known else 'no contact'}; audiences: {audiences}")
    for each in held:
        show.line(_told(each))
    if not story.suppression:
        show.line("They can be messaged.")
    if story.left:
        show.line(f"But not about: {', '.join(story.left)}.")
    if not story.is_known:
        # That none was for somebody whom we don't know goes without saying.
        messages = _deliveries(story)
    if messages:
        columns = ("at", "blast", "status", "reason")
        show.table(columns, ([each[name] for name in columns] for each in messages))


def suppress(phone: _Address, *, as_json: AsJson = False) -> None:
    """Put an address out of reach, from the next message on."""
    from core import db
    from core.clock import utc_now
    from core.usecases import manual

    address = _parse(phone)
    with db.transaction() as session:
        is_new = manual.suppress(session, address, now=utc_now())
    if as_json:
        show.as_json({"address": address, "is_suppressed": True, "was_suppressed": not is_new})
    else:
        show.line(f"{address} is out of reach{'' if is_new else ' already'}.")


def lift(phone: _Address, *, as_json: AsJson = False) -> None:
    """Let an address be messaged again. Who texted STOP must text START all the same: the provider blocks it too."""
    from core import db
    from core.clock import utc_now
    from core.usecases import manual

    address = _parse(phone)
    with db.transaction() as session:
        manual.lift(session, address, now=utc_now())
    if as_json:
        show.as_json({"address": address, "is_suppressed": False})
    else:
        show.line(f"{address} can be messaged again. If STOP was texted, the provider waits for a START.")


def erase(
    phone: _Address,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask; scripts are never asked.")] = False,
    as_json: AsJson = False,
) -> None:
    """Forget somebody: contact, memberships, what was said, and her address, unless it must not be messaged."""
    from dataclasses import asdict

    from core import db
    from core.clock import utc_now
    from core.usecases import erasure

    address = _parse(phone)
    if not yes and sys.stdin.isatty():
        typer.confirm(f"Forget {address} for good?", abort=True, err=True)
    with db.transaction() as session:
        erased = erasure.erase(session, address, now=utc_now())
    if as_json:
        show.as_json({"address": address, **asdict(erased)})
        return
    show.line(
        f"Forgotten: {erased.contacts} contact, {erased.deliveries} messages, {erased.texts} texts received. "
        "Their pictures go from Slack, too; their words must be deleted there."
    )
    if erased.is_suppressed:
        show.line("That the address must not be messaged is kept.")


def _parse(text: str) -> str:
    from core.usecases import tracing

    return tracing.parse(text)


def _deliveries(story: "Story") -> "list[dict[str, Any]]":
    return [
        {
            "blast_id": delivery.blast_id,
            "blast": blast or f"({delivery.kind.value})",
            "status": delivery.status.value,
            "reason": _reason(delivery.skip_reason, delivery.error_code),
            "error_code": delivery.error_code,
            "at": delivery.ended_at or delivery.accepted_at or delivery.created_at,
        }
        for delivery, blast in story.deliveries
    ]


def _missed(missed: "Sequence[Missed]") -> "list[dict[str, Any]]":
    return [
        {
            "blast_id": each.blast_id,
            "blast": each.name,
            "status": "not a recipient",
            "reason": each.reason.value,
            "error_code": 0,
            "at": each.started_at,
        }
        for each in missed
    ]


def _reason(skipped: str | None, error_code: int) -> str:
    from core.domain import failures
    from core.slack.views import outcome

    if skipped is not None:
        return outcome.reason(str(skipped))
    return f"{failures.classify(error_code, at_create=False).title} ({error_code})" if error_code else ""


def _suppressions(held: "Sequence[Suppression]") -> list[dict[str, Any]]:
    names = ("cause", "source", "error_code", "strikes", "delivery_id", "created_at", "lifted_at", "lifted_by")
    return [{name: getattr(each, name) for name in names} for each in held]


def _told(held: "Suppression") -> str:
    code = f", code {held.error_code}" if held.error_code else ""
    strikes = f", {held.strikes} failures" if held.strikes > 1 else ""
    message = f", message {held.delivery_id}" if held.delivery_id else ""
    scope = " of some blasts" if held.audience_id or held.audience_kind else ""
    came = f"(from {held.source}{code}{strikes}{message})"
    told = f"{held.cause.value.replace('_', ' ')} {came} since {held.created_at:%Y-%m-%d %H:%M} UTC"
    if held.lifted_at is None:
        return f"Out of reach{scope}: {told}."
    return f"Was out of reach{scope}: {told}, until {held.lifted_at:%Y-%m-%d %H:%M} UTC ({held.lifted_by})."
