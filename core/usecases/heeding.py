"""A STOP whose text can't be taken in, or read whole, is in force all the same: the text may wait, a STOP may not."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TypeAlias

import structlog
from sqlmodel import Session

from core.domain.keywords import Reading
from core.models import Audience
from core.usecases import inbound, late, suppression, topics
from core.usecases.inbound import Text

log = structlog.get_logger()
Step: TypeAlias = Callable[[], AbstractContextManager[Session]]


def heed(text: Text, *, step: Step, at: datetime) -> None:
    """Put a text's sender out of reach of what it asks to be left out of, and touch nothing else.

    It holds until the text is taken in. Where a topic can't be left it is of everything till then. `step` opens a
    transaction. `at`: when the text was written; who has come back since isn't held.
    """
    try:
        with step() as session:
            theirs = topics.of(session, text.address)
            _hold(session, text, inbound.read(text, (audience.name for audience in theirs)), theirs, at=at)
    except Exception as error:  # noqa: BLE001  # whatever it is, it may be the topic's fault
        log.error("inbound.topic_not_left", provider_sid=text.provider_sid, error=type(error).__name__)
        with step() as session:
            _hold(session, text, inbound.read(text), None, at=at)


def _hold(session: Session, text: Text, reading: Reading, theirs: list[Audience] | None, *, at: datetime) -> None:
    """Suppress as far as `reading` asks for; `theirs` None: which topics are theirs can't be told."""
    if reading.kind != "opt_out" or late.has_come_back(session, text.address, since=at):
        return
    topic = topics.named(reading.topic, theirs) if reading.topic and theirs else None
    if reading.certainty == "likely":
        suppression.opt_out(session, text.address, source=suppression.LIKELY, now=at)
    elif topic is not None:
        topics.leave(session, text.address, topic, source=suppression.UNSAVED, now=at)
    else:
        is_blunt = reading.topic is not None and theirs is None
        source = suppression.UNSAVED_TOPIC if is_blunt else suppression.UNSAVED
        suppression.opt_out(session, text.address, source=source, now=at)
