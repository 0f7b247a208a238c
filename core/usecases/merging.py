"""The text that one recipient gets: a blast's body with the contact's values filled in."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlmodel import Session, col

from core import settings
from core.domain import message, tokens
from core.errors import Invalid
from core.models import Blast, Contact, SkipReason

log = structlog.get_logger()

# Made once: a claim asks for it every time.
_BODY = sa.select(col(Blast.body)).where(col(Blast.id) == sa.bindparam("lane", type_=sa.Uuid()))


class Text(NamedTuple):
    """What one recipient gets; `segments` is what it costs of the sender's pace."""

    body: str
    segments: int


def values(name: str, first_name: str, attributes: Mapping[str, Any]) -> dict[str, str]:
    """Return a contact's values by token name; their own columns go before attributes of the same name."""
    told = {key: str(value) for key, value in attributes.items() if value is not None}
    first = first_name or (name.partition(" ")[0])
    return {**told, "name": name or first_name, "first_name": first}


def merged(session: Session, lane: UUID | None, rows: Sequence[sa.Row[Any]]) -> list[Text | SkipReason]:
    """Return the text of each claimed row (`body`, `contact_id`), or the reason why it can't be made."""
    if lane is None:
        return [_measured(row.body) for row in rows]
    template = tokens.parse(session.execute(_BODY, {"lane": lane}).scalar_one())
    if not template.parts:
        return [_measured(template.tail)] * len(rows)
    known = _values_of(session, [row.contact_id for row in rows if row.contact_id])
    longest = settings.current().message_max_length
    return [_filled(template, known.get(row.contact_id), longest) for row in rows]


def _values_of(session: Session, contact_ids: Sequence[UUID]) -> dict[UUID, sa.Row[Any]]:
    found = session.execute(
        sa.select(col(Contact.id), col(Contact.name), col(Contact.first_name), col(Contact.attributes)).where(
            col(Contact.id).in_(contact_ids)
        )
    )
    return {row.id: row for row in found}


def _filled(template: tokens.Template, whose: sa.Row[Any] | None, longest: int) -> Text | SkipReason:
    try:
        known = values(whose.name, whose.first_name, whose.attributes) if whose else {}
        text = _measured(template.merge(known))
    except tokens.MissingValue:
        return SkipReason.MISSING_VALUE
    except Invalid:
        return SkipReason.TOO_LONG
    except Exception as error:  # noqa: BLE001  # what one person's values are must not hold up the sender's others
        log.error("text.not_made", contact_id=str(whose.id) if whose else None, error=type(error).__name__)
        return SkipReason.MISSING_VALUE
    # Somebody's values may have grown since the blast was approved.
    return SkipReason.TOO_LONG if len(text.body) > longest else text


def _measured(body: str) -> Text:
    return Text(body, message.measure(body).segments)
