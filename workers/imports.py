"""Files of people that were given in Slack: fetched, imported batch by batch, and their giver told what came of it."""

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from uuid import UUID

import structlog
from sqlmodel import Session

from core import db, outbox, settings
from core.clock import utc_now
from core.domain import sheets
from core.domain.events import StaffTold
from core.domain.sheets import Row, Sheet
from core.errors import Rejected
from core.models import AudienceKind
from core.slack import files
from core.slack.gateway import Gateway, SlackFailed
from core.slack.views import imports
from core.usecases import importing, requests
from core.usecases.importing import Tally
from core.usecases.requests import Seen

log = structlog.get_logger()

_REMEMBERED = 20


@dataclass
class _Refused:
    """The rows of a file that were refused: as a file to send back, and the first of them as sentences."""

    sheet: Sheet
    count: int = 0
    first: list[tuple[int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._text = io.StringIO(newline="")
        self._rows = sheets.RefusedRows(self.sheet, self._text)

    def add(self, row: Row, sentence: str) -> None:
        self.count += 1
        if len(self.first) < _REMEMBERED:
            self.first.append((row.line, sentence))
        self._rows.add(row, sentence)

    @property
    def content(self) -> bytes:
        return self._text.getvalue().encode("utf-8-sig")


def _requested(gateway: Gateway, payload: Mapping[str, Any]) -> None:
    """Import a file once, however often this is told; while another worker is at it, come again later."""
    key = f"import:{payload['file_id']}:{payload['audience']}"[:128]
    with db.transaction() as session:
        seen = requests.begin(session, key, now=utc_now())
    if seen is Seen.RUNNING:
        raise SlackFailed("import", "running")
    if seen is Seen.DONE:
        return
    try:
        _import(gateway, payload, key)
    except SlackFailed:
        with db.transaction() as session:
            requests.forget(session, key)
        raise
    with db.transaction() as session:
        requests.finish(session, key, now=utc_now())


TELLERS: Mapping[str, Callable[[Gateway, Mapping[str, Any]], None]] = MappingProxyType({"import.requested": _requested})


def _import(gateway: Gateway, payload: Mapping[str, Any], key: str) -> None:
    user, name = payload["slack_user_id"], "The file"
    try:
        file = _described(gateway, payload["file_id"])
        name = str(file.get("name") or name)
        content = files.download(str(file.get("url_private") or ""), token=_token(), api_url=_api_url())
        sheet = sheets.open_sheet(io.BytesIO(content))
        refused = _Refused(sheet)
        target = importing.Target(
            payload["audience"],
            AudienceKind(payload["kind"]),
            region=settings.current().default_region,
            staff_id=UUID(payload["by"]),
        )
        tally = importing.run(sheet, target, step=_steps(key), refuse=refused.add, now=utc_now())
    except Rejected as refusal:
        _say_later(user, imports.refusal(name, refusal.sentence))
        return
    log.info("import.done", file_id=payload["file_id"], **tally.as_json())
    _report(gateway, user, name, payload["audience"], tally, refused)
