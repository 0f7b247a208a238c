"""Everything that staff are ever shown, drawn with the longest and nastiest words there may be."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID, uuid4

from bot import refusals
from core.domain import message
from core.domain.lifecycles import BlastStatus, DeliveryStatus
from core.models import (
    AudienceKind,
    Blast,
    Call,
    CallStatus,
    ChannelName,
    Conversation,
    Delivery,
    DeliveryKind,
    Draft,
    Inbound,
    SavedAnswer,
    SkipReason,
    Suppression,
    SuppressionCause,
)
from core.slack import blocks
from core.slack.views import calls, card, composer, home, imports, meter, outcome, story, text_back, thread, unknowns
from core.usecases.calls import LONGEST_NOTE, Shown
from core.usecases.cards import Facts
from core.usecases.choices import Choice
from core.usecases.inbox import Waiting
from core.usecases.previewing import Preview, Sample
from core.usecases.reports import Progress
from core.usecases.threads import Facts as ThreadFacts
from core.usecases.tracing import Story
from tests.factories import NOON, phone

Surface = Literal["message", "modal", "home"]
NASTY = "<!channel> & <@U0ADMIN> *b* `c` <https://example.org|d>\n> e\n\n"


@dataclass(frozen=True)
class Drawn:
    """Something as it would be sent. `by`: the function of a view that drew it."""

    by: str
    surface: Surface
    blocks: list[dict[str, Any]]
    view: dict[str, Any] | None = None


def long(length: int, words: str = NASTY) -> str:
    """Return so many characters of these words."""
    return (words * (length // len(words) + 1))[:length]


def everything() -> Iterator[Drawn]:
    """Draw every view in every state."""
    yield from _cards()
    yield from _modals()
    yield from _threads()
    yield from _calls()
    blasts = [_blast(status) for status in BlastStatus]
    for drawn in (home.render(blasts * 2, blasts * 2), home.render([], []), home.refusal(long(500))):
        yield Drawn("home.render" if len(drawn["blocks"]) > 1 else "home.refusal", "home", drawn["blocks"], drawn)
    yield Drawn("home.listing", "message", home.listing(blasts))
    yield Drawn("story.render", "message", blocks.paragraphs(story.render(_story())))


def _cards() -> Iterator[Drawn]:
    for status in BlastStatus:
        for facts in (_facts(status), _facts(status, is_plain=True)):
            yield Drawn("card.render", "message", card.render(facts, NOON).blocks)
            yield Drawn("outcome.render", "message", outcome.render(facts, NOON))
            yield Drawn("unknowns.render", "message", unknowns.render(facts, card.value(facts.blast)))


def _modals() -> Iterator[Drawn]:
    for name, view in (
        ("card.ask_for_note", card.ask_for_note(card.value(_blast(BlastStatus.IN_REVIEW)))),
        ("card.ask_for_phone", card.ask_for_phone(card.value(_blast(BlastStatus.IN_REVIEW)))),
        ("text_back.render", text_back.render(_conversation(), _saved(), longest=480)),
        ("text_back.render", text_back.render(_conversation(), [], longest=480, draft=_draft())),
        ("text_back.filled_in", _filled_in()),
        ("thread.ask_for_note", thread.ask_for_note(_conversation())),
        ("calls.ask", calls.ask(_conversation(), caller="U0ADMIN", now=NOON)),
        ("imports.render", imports.render()),
        ("imports.accepted", imports.accepted(imports.Upload("F1", long(75), AudienceKind.EVENT))),
        ("refusals.notice", refusals.notice(long(2000))),
        *(("composer.render", view) for view in _composers()),
    ):
        yield Drawn(name, "modal", view["blocks"], view)
    yield Drawn("meter.render", "modal", meter.render(long(1600), _preview(), {}))
    choices = [Choice(uuid4(), long(75), AudienceKind.EVENT, 7) for _ in range(100)]
    offering = composer.render(composer.Form(), choices, preview=None, faults={}, now=NOON)
    assert offering["blocks"][1]["element"]["options"] == composer.options(choices * 2)
    yield Drawn("composer.options", "modal", offering["blocks"], offering)


def _composers() -> Iterator[dict[str, Any]]:
    few = [Choice(uuid4(), long(75), AudienceKind.COMMUNITY, 123_456_789) for _ in range(100)]
    many = [*few, Choice(uuid4(), "one more", AudienceKind.EVENT, 0)]
    form = composer.Form(
        name=long(150), audience_ids=tuple(each.id for each in few), body=long(1600), is_later=True, send_at=NOON
    )
    faults = {"name": long(500), "audiences": long(500), "body": long(900), "send_at": long(100)}
    yield composer.render(composer.Form(), few[:1], preview=None, faults={}, now=NOON)
    yield composer.render(form, few, preview=_preview(), faults=faults, now=NOON)
    yield composer.render(replace(form, blast_id=uuid4(), revision=7), many, preview=_preview(), faults={}, now=NOON)
    yield composer.render(form.with_fixed_body(), [], preview=replace(_preview(), recipients=0), faults={}, now=NOON)
    yield composer.render(replace(form, body="Ł"), few, preview=_preview(), faults={}, now=NOON)
    yield composer.render(replace(form, body="L"), few, preview=_preview(), faults={}, now=NOON)


def _threads() -> Iterator[Drawn]:
    inbound = Inbound(id=1, provider_sid="SM1", address=phone(1), sender=phone(0), body=long(1600), received_at=NOON)
    several = tuple((uuid4(), long(150)) for _ in range(6))
    plain = replace(_conversation(), name="", blast_name=None, answerable=several)
    suspected, held = (_conversation(_suppression(source)) for source in ("likely", "inbound"))
    for facts in (_conversation(), suspected, held, plain):
        for status in ("open", "closed"):
            facts.conversation.status = type(facts.conversation.status)(status)
            yield Drawn("thread.render", "message", thread.render(facts, trusted_host="example.org").blocks)
            drawn = thread.render_text(facts, inbound, trusted_host="example.org")
            yield Drawn("thread.render_text", "message", drawn.blocks)
    waiting = [Waiting(plain.conversation, long(200), "U0ADMIN", NOON)] * 40
    yield Drawn("thread.listing", "message", blocks.paragraphs(thread.listing(waiting)))
    yield Drawn("thread.render_waiting", "message", thread.render_waiting(_conversation()).blocks)
    yield Drawn("thread.words", "message", thread.words(inbound, trusted_host="example.org"))
    yield Drawn("thread.render_step", "message", thread.render_step(long(2000), by="U0ADMIN").blocks)


def _calls() -> Iterator[Drawn]:
    for status in CallStatus:
        call = Call(
            conversation_id=uuid4(), caller_id=uuid4(), made_by=uuid4(), at=NOON, note=long(LONGEST_NOTE), status=status
        )
        shown = Shown(call, caller="U0ADMIN", made_by="U0OTHER")
        yield Drawn("calls.render", "message", calls.render(shown).blocks)
        for facts in (_conversation(), _conversation(_suppression("inbound"))):
            yield Drawn("calls.render_due", "message", calls.render_due(shown, facts).blocks)
    yield Drawn("calls.render_erased", "message", calls.render_erased().blocks)
    yield Drawn("calls.number", "message", [blocks.section(calls.number(phone(1)))])


def _saved() -> list[SavedAnswer]:
    return [SavedAnswer(name=long(75), body=long(1600), created_at=NOON) for _ in range(100)]


def _draft() -> Draft:
    return Draft(conversation_id=uuid4(), inbound_id=1, body=long(1600), created_at=NOON)


def _filled_in() -> dict[str, Any]:
    view = text_back.render(_conversation(), _saved(), longest=480, draft=_draft())
    return text_back.filled_in(view, _saved()[0])


def _blast(status: BlastStatus, **values: Any) -> Blast:
    given: dict[str, Any] = {
        "name": long(150),
        "body": long(1600),
        "status": status,
        "author_id": uuid4(),
        "recipients": 1_000_000,
        "note": long(500),
        "held_reason": long(500),
        "created_at": NOON,
        "starts_at": NOON,
        "started_at": NOON,
        "finished_at": NOON + timedelta(hours=30),
    }
    return Blast(**(given | values))


def _facts(status: BlastStatus, *, is_plain: bool = False) -> Facts:
    is_ahead = status in (BlastStatus.DRAFT, BlastStatus.IN_REVIEW, BlastStatus.APPROVED)
    blast = _blast(status, **({"note": "", "held_reason": "", "name": "Rent", "body": "Hi."} if is_plain else {}))
    return Facts(
        blast=blast,
        author="U0ORGANIZER",
        audiences=["tenants"] if is_plain else [long(75)] * 40,
        excluded=[] if is_plain else [long(75)] * 40,
        approved_by=[] if is_plain else ["U0APPROVER"] * 5,
        changed_by=None if is_plain else "U0ADMIN",
        progress=_progress(is_planned=not is_ahead),
        preview=_preview() if is_ahead else None,
        segments=0 if is_ahead else 123_456,
        opt_outs=0 if is_plain else 12,
    )


def _progress(*, is_planned: bool) -> Progress:
    counts = dict.fromkeys(DeliveryStatus, 1000000) if is_planned else {}
    return Progress(
        counts=counts,
        skipped={reason.value: 100_000 for reason in SkipReason} if is_planned else {},
        failures=dict.fromkeys((0, 30003, 30005, 30006, 30007, 30008, 21610, 99999), 1000) if is_planned else {},
        rate=99.9,
        left_at=NOON,
        waits_until=None,
        undecided=1_000_000 if is_planned else 0,
        openings=[(NOON + timedelta(hours=ahead), 1_000_000) for ahead in range(8)] if is_planned else [],
    )


def _preview() -> Preview:
    kinds = ("first", "dearest", "oddest")
    return Preview(
        measure=message.measure(long(1600) + "Ł"),
        recipients=1_000_000,
        skipped={reason.value: 100_000 for reason in SkipReason},
        segments_total=24_000_000,
        cost=Decimal("271200.00"),
        currency="USD",
        missing={"first_name": 3},
        incomplete=3,
        unknown_tokens=("zipp",),
        too_long=2,
        longest=1600,
        unusual=12,
        finish_at=NOON,
        samples=tuple(Sample(kind, long(1600), 24, 5) for kind in kinds),
    )


def _conversation(held: Suppression | None = None) -> ThreadFacts:
    conversation = Conversation(
        id=UUID(int=1), address=phone(1), sender=phone(0), created_at=NOON, last_inbound_at=NOON, claimed_by=uuid4()
    )
    opening = Inbound(id=1, provider_sid="SM1", address=phone(1), sender=phone(0), body=long(1600), received_at=NOON)
    return ThreadFacts(
        conversation=conversation,
        name=long(300),
        blast_name=long(150),
        claimed_by="U0ADMIN",
        blocked=held,
        opening=opening,
    )


def _suppression(source: str) -> Suppression:
    return Suppression(address=phone(1), cause=SuppressionCause.OPT_OUT, source=source, created_at=NOON)


def _story() -> Story:
    deliveries = [
        (
            Delivery(
                kind=DeliveryKind.BLAST,
                channel=ChannelName.SMS,
                sender=phone(0),
                address=phone(1),
                status=status,
                skip_reason=SkipReason.OPTED_OUT if status is DeliveryStatus.SKIPPED else None,
                error_code=30003 if status is DeliveryStatus.FAILED else 0,
                created_at=NOON,
                not_before=NOON,
            ),
            long(150),
        )
        for status in DeliveryStatus
    ]
    audiences = [long(75)] * 60
    return Story(
        address=phone(1),
        is_known=True,
        audiences=audiences,
        suppression=_suppression("inbound"),
        left=audiences,
        deliveries=deliveries,
    )
