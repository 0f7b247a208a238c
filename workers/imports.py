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
from core.errors import Invalid, Rejected
from core.models import AudienceKind
from core.slack import files
from core.slack.gateway import Gateway, SlackFailed
from core.slack.views import imports
from core.usecases import importing, requests
from core.usecases.importing import Step, Target
from workers.once import once

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
    with once(key) as is_new:
        if is_new:
            _import(gateway, payload, key)


TELLERS: Mapping[str, Callable[[Gateway, Mapping[str, Any]], None]] = MappingProxyType({"import.requested": _requested})


def _import(gateway: Gateway, payload: Mapping[str, Any], key: str) -> None:
    user, name = payload["slack_user_id"], "The file"
    try:
        file = _described(gateway, payload["file_id"])
        name = str(file.get("name") or name)
        sheet = sheets.open_sheet(io.BytesIO(_fetched(file)))
        refused = _Refused(sheet)
        tally = importing.run(sheet, _target(payload), step=_steps(key), refuse=refused.add, now=utc_now())
    except Rejected as refusal:
        _say(user, imports.refusal(name, refusal.sentence))
        return
    log.info("import.done", file_id=payload["file_id"], **tally.as_json())
    _report(gateway, user, name, imports.report(name, payload["audience"], tally), refused)


def _described(gateway: Gateway, file_id: str) -> Mapping[str, Any]:
    try:
        return gateway.file(file_id)
    except SlackFailed as failure:
        if failure.code in ("file_not_found", "file_deleted", "not_visible"):
            raise Invalid("It is gone from Slack. Upload it again.") from failure
        if failure.code == "missing_scope":
            raise Invalid("I may not read files: an operator must give the app the scope files:read.") from failure
        raise


def _fetched(file: Mapping[str, Any]) -> bytes:
    chosen = settings.current()
    return files.download(
        str(file.get("url_private") or ""),
        token=chosen.slack_bot_token,
        api_url=chosen.slack_api_url,
        most=imports.LARGEST,
    )


def _target(payload: Mapping[str, Any]) -> Target:
    return Target(
        payload["audience"],
        AudienceKind(payload["kind"]),
        region=settings.current().default_region,
        staff_id=UUID(payload["by"]),
    )


def _steps(key: str) -> Step:
    """Return what opens a transaction for each batch, and tells other workers that somebody is still at it."""

    @contextmanager
    def step() -> Iterator[Session]:
        with db.transaction() as session:
            requests.prolong(session, key, now=utc_now())
            yield session

    return step


def _report(gateway: Gateway, user: str, name: str, told: str, refused: _Refused) -> None:
    """Tell what came of a file, and send its refused rows back; Slack's trouble doesn't import it once more."""
    try:
        channel, ts = gateway.post(user, told)
    except SlackFailed:
        _say(user, told)
        if refused.count:
            _say(user, imports.sentences(refused.first, refused.count))
        return
    if not refused.count:
        return
    try:
        gateway.share_file(channel, imports.returned_name(name), refused.content, thread_ts=ts)
    except SlackFailed as failure:
        log.warning("import.file_unsent", code=failure.code)
        _say(channel, imports.sentences(refused.first, refused.count), thread_ts=ts)


def _say(channel: str, text: str, *, thread_ts: str | None = None) -> None:
    with db.transaction() as session:
        outbox.record(session, StaffTold(channel, text, thread_ts), now=utc_now())
