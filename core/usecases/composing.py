"""Writing a blast: a draft, its changes, and sending it to review once everything in it can be sent."""

import hashlib
import json
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core import outbox, settings
from core.domain import message, tokens
from core.domain.events import BlastChanged, BlastSubmitted
from core.domain.lifecycles import BLAST_MOVES, move
from core.errors import Invalid, NotAllowed, NotFound, Rejected, Stale
from core.models import Audience, AuditEntry, Blast, BlastAudience, Role, Staff
from core.usecases import planning, staffing
from core.usecases.previewing import Content, Preview, preview

__all__ = ["Content", "Preview", "check", "content_of", "draft", "edit", "fingerprint", "preview", "submit"]

_NAME_LENGTH = 150
_FURTHEST = timedelta(days=366)
_GONE = "There is no such blast any more."
_CHANGED = "Somebody changed this blast while you were writing. Open it again from its card."
_REASONS = {"opted_out": "opted out", "unreachable": "unreachable", "suppressed": "suppressed by staff"}


def draft(session: Session, content: Content, *, by: Staff, now: datetime) -> Blast:
    """Save a new draft.

    Raises:
        Invalid: it has no name, or an audience that doesn't exist.
    """
    staffing.require(by, Role.ORGANIZER)
    _require_name_and_audiences(session, content)
    blast = Blast(
        name=content.name.strip(),
        channel=content.channel,
        body=content.body,
        send_at=content.send_at,
        author_id=by.id,
        created_at=now,
    )
    session.add(blast)
    session.flush()
    _set_audiences(session, blast.id, content)
    _note(session, "blast.draft", blast, by, now)
    return blast


def edit(session: Session, blast_id: UUID, content: Content, *, by: Staff, seen_revision: int, now: datetime) -> Blast:
    """Change a blast that isn't approved yet; one in review goes back to being a draft, and what was approved is void.

    Raises:
        NotAllowed: somebody else wrote it, and `by` is no admin.
        Stale: it was changed since `by` opened it.
        IllegalMove: it is approved or further.
    """
    blast = _locked(session, blast_id)
    _require_authorship(blast, by)
    _require_name_and_audiences(session, content)
    target = move("edit", blast.status)
    changed = session.execute(
        sa.update(Blast)
        .where(
            col(Blast.id) == blast_id,
            col(Blast.revision) == seen_revision,
            col(Blast.status).in_(BLAST_MOVES["edit"][0]),
        )
        .values(
            name=content.name.strip(),
            channel=content.channel,
            body=content.body,
            send_at=content.send_at,
            status=target,
            content_hash="",
            revision=seen_revision + 1,
        )
        .returning(col(Blast.id))
    )
    if changed.first() is None:
        raise Stale(_CHANGED)
    session.execute(sa.delete(BlastAudience).where(col(BlastAudience.blast_id) == blast_id))
    _set_audiences(session, blast_id, content)
    session.refresh(blast)
    _note(session, "blast.edit", blast, by, now)
    outbox.record(session, BlastChanged(blast_id, by.id), now=now)
    return blast


def editable(session: Session, blast_id: UUID, *, by: Staff, seen: int) -> Blast:
    """Return a blast that `by` may change now.

    Raises:
        NotAllowed, Stale, IllegalMove: as for `edit`.
    """
    blast = session.get(Blast, blast_id)
    if blast is None:
        raise NotFound(_GONE)
    _require_authorship(blast, by)
    move("edit", blast.status)
    if blast.revision != seen:
        raise Stale(_CHANGED)
    return blast


def submit(
    session: Session, blast_id: UUID, *, by: Staff, now: datetime, seen: int | None = None, found: Preview | None = None
) -> Blast:
    """Send a draft to review; from here on its content is bound to a hash.

    `found`: what `check` has just found of the same content, so that it needn't be counted again.

    Raises:
        Invalid: it can't be sent as it is; names the first field at fault.
        NotAllowed: somebody else wrote it, and `by` is no admin.
        Stale: it is no longer what `by` saw.
        IllegalMove: it isn't a draft.
    """
    blast = _locked(session, blast_id)
    _require_authorship(blast, by)
    if seen is not None and seen != blast.revision:
        raise Stale("This draft was changed since you saw it. Its card now shows what it says.")
    target = move("submit", blast.status)
    content = content_of(session, blast)
    if found is None:
        found, faults = check(session, content, now=now)
        for field, sentence in faults.items():
            raise Invalid(sentence, field=field)
    blast.status = target
    blast.content_hash = fingerprint(content)
    blast.recipients = found.recipients
    blast.approvals_needed = 2 if found.recipients > settings.current().second_approver_above else 1
    blast.submitted_at = now
    _note(session, "blast.submit", blast, by, now)
    outbox.record(session, BlastSubmitted(blast_id, by.id), now=now)
    return blast


def check(session: Session, content: Content, *, now: datetime) -> tuple[Preview, dict[str, str]]:
    """Return what `content` would be if it were sent, and by field a sentence for each thing that is wrong with it."""
    found = preview(session, content, now=now)
    faults: dict[str, str] = {}
    for field, rule in (("name", _name), ("audiences", _audiences), ("body", _body), ("send_at", _time)):
        try:
            rule(session, content, found, now)
        except Rejected as refusal:
            faults[field] = refusal.sentence
    return found, faults


def content_of(session: Session, blast: Blast) -> Content:
    """Return what a saved blast says."""
    chosen, excluded = planning.audiences(session, blast.id)
    return Content(blast.name, blast.channel, blast.body, tuple(chosen), tuple(excluded), blast.send_at)


def fingerprint(content: Content) -> str:
    """Return the hash that an approval is bound to: of text, audiences, time and channel."""
    what = {
        "channel": content.channel.value,
        "body": content.body,
        "audiences": sorted(map(str, content.audience_ids)),
        "excluded": sorted(map(str, content.excluded_ids)),
        "send_at": content.send_at.timestamp() if content.send_at else None,
    }
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def _name(session: Session, content: Content, found: Preview, now: datetime) -> None:
    if not content.name.strip():
        raise Invalid("Give the blast a name, so that others can find it.")
    if len(content.name.strip()) > _NAME_LENGTH:
        raise Invalid(f"The name is longer than {_NAME_LENGTH} characters. Shorten it.")


def _audiences(session: Session, content: Content, found: Preview, now: datetime) -> None:
    if not content.audience_ids:
        raise Invalid("Choose at least one audience.")
    if set(content.audience_ids) & set(content.excluded_ids):
        raise Invalid("An audience is both chosen and left out. Take it out of one of the two.")
    if not found.recipients:
        why = ", ".join(f"{count:,} {_REASONS.get(reason, reason)}" for reason, count in found.skipped.items())
        raise Invalid(f"Nobody in these audiences can be reached{f' ({why})' if why else ''}. Choose another.")


def _body(session: Session, content: Content, found: Preview, now: datetime) -> None:
    limit = settings.current().message_max_length
    tokens.parse(content.body)
    has_tokens = bool(tokens.names(content.body))
    message.require_sendable(content.body, limit=message.LONGEST if has_tokens else limit)
    if found.unknown_tokens:
        named = ", ".join(f"{{{name}}}" for name in found.unknown_tokens)
        raise Invalid(f"No recipient has a value for {named}. Check the spelling, or import a column of that name.")
    if found.incomplete:
        named = ", ".join(f"{{{name}}} ({count:,})" for name, count in sorted(found.missing.items()))
        example = min(found.missing)
        raise Invalid(
            f"{found.incomplete:,} recipients have no value for {named}. "
            f"Add a fallback, like {{{example}|friend}}, or complete their contacts."
        )
    if found.too_long:
        raise Invalid(
            f"With names filled in, {found.too_long:,} texts are longer than {limit:,} characters "
            f"(the longest has {found.longest:,}). Shorten the text."
        )


def _time(session: Session, content: Content, found: Preview, now: datetime) -> None:
    if content.send_at is None:
        return
    if content.send_at <= now:
        raise Invalid("This time is in the past. Choose a later one, or send it now.")
    if content.send_at - now > _FURTHEST:
        raise Invalid("This time is more than a year away. Check the date.")


def _require_name_and_audiences(session: Session, content: Content) -> None:
    if not content.name.strip() or len(content.name.strip()) > _NAME_LENGTH:
        raise Invalid(f"Give the blast a name of at most {_NAME_LENGTH} characters.", field="name")
    wanted = {*content.audience_ids, *content.excluded_ids}
    there = session.scalar(sa.select(sa.func.count()).select_from(Audience).where(col(Audience.id).in_(wanted)))
    if there != len(wanted):
        raise Invalid("One of these audiences doesn't exist any more. Choose again.", field="audiences")
    if set(content.audience_ids) & set(content.excluded_ids):
        raise Invalid("An audience is both chosen and left out. Take it out of one of the two.", field="audiences")


def _require_authorship(blast: Blast, by: Staff) -> None:
    staffing.require(by, Role.ORGANIZER)
    if blast.author_id != by.id and not staffing.may(by, Role.ADMIN):
        raise NotAllowed("Only its author or an admin can change this blast. Ask them, or request changes on its card.")


def _locked(session: Session, blast_id: UUID) -> Blast:
    blast = session.get(Blast, blast_id, with_for_update=True)
    if blast is None:
        raise NotFound(_GONE)
    return blast


def _set_audiences(session: Session, blast_id: UUID, content: Content) -> None:
    for audience_id in dict.fromkeys(content.audience_ids):
        session.add(BlastAudience(blast_id=blast_id, audience_id=audience_id))
    for audience_id in dict.fromkeys(content.excluded_ids):
        session.add(BlastAudience(blast_id=blast_id, audience_id=audience_id, is_excluded=True))
    session.flush()


def _note(session: Session, action: str, blast: Blast, by: Staff, now: datetime) -> None:
    fields = {"revision": blast.revision}
    session.add(AuditEntry(at=now, action=action, staff_id=by.id, blast_id=blast.id, fields=fields))
