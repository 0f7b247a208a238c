"""Saved answers: written once, chosen while texting back."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain import message
from core.errors import Invalid, NotFound
from core.models import SavedAnswer

_LONGEST_NAME = 75
# What one menu in Slack can hold.
MOST = 100


def put(session: Session, name: str, body: str, *, by: UUID | None, now: datetime) -> SavedAnswer:
    """Save an answer under a name; the one that had the name before is replaced.

    Raises:
        Invalid: the name or the text can't be taken, or there are too many.
    """
    tidy = " ".join(name.split())
    if not tidy or len(tidy) > _LONGEST_NAME or not tidy.isprintable():
        raise Invalid(f"Give the answer a name of at most {_LONGEST_NAME} characters.", field="save_as")
    message.require_sendable(body)
    found = _find(session, tidy)
    if found is None and session.scalar(sa.select(sa.func.count()).select_from(SavedAnswer)) == MOST:
        raise Invalid(f"There are {MOST} saved answers already. Remove one first: `blast answers remove`.")
    answer = found or SavedAnswer(id=uuid4(), name=tidy, body=body, staff_id=by, created_at=now)
    answer.name, answer.body, answer.staff_id = tidy, body, by
    session.add(answer)
    session.flush()
    return answer


def listed(session: Session) -> Sequence[SavedAnswer]:
    """Return the saved answers, by name."""
    return session.scalars(sa.select(SavedAnswer).order_by(sa.func.lower(col(SavedAnswer.name))).limit(MOST)).all()


def get(session: Session, answer_id: UUID) -> SavedAnswer:
    """Return one.

    Raises:
        NotFound: it was removed.
    """
    found = session.get(SavedAnswer, answer_id)
    if found is None:
        raise NotFound("This saved answer was removed meanwhile. Choose another, or write one.")
    return found


def remove(session: Session, name: str) -> None:
    """Remove a saved answer.

    Raises:
        NotFound: there is none of that name.
    """
    found = _find(session, " ".join(name.split()))
    if found is None:
        raise NotFound(f"There is no saved answer called “{name[:_LONGEST_NAME]}”.")
    session.delete(found)


def _find(session: Session, name: str) -> SavedAnswer | None:
    return session.scalar(sa.select(SavedAnswer).where(sa.func.lower(col(SavedAnswer.name)) == name.lower()))
