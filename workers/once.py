"""Doing something once, however often an event is told and by however many workers."""

from collections.abc import Iterator
from contextlib import contextmanager

from core import db
from core.clock import utc_now
from core.slack.gateway import SlackFailed
from core.usecases import requests
from core.usecases.requests import Seen


@contextmanager
def once(key: str) -> Iterator[bool]:
    """Give whether it is still to be done; it counts as done at the end, unless SlackFailed says that it comes again.

    Raises:
        SlackFailed: another worker is at it.
    """
    with db.transaction() as session:
        seen = requests.begin(session, key, now=utc_now())
    if seen is Seen.RUNNING:
        raise SlackFailed(key.partition(":")[0], "running")
    if seen is Seen.DONE:
        yield False
        return
    try:
        yield True
    except SlackFailed:
        with db.transaction() as session:
            requests.forget(session, key)
        raise
    with db.transaction() as session:
        requests.finish(session, key, now=utc_now())
