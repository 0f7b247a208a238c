"""A mail server that keeps what it gets and sends nothing on."""

import asyncio
import time
from collections import deque
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

from aiosmtpd.smtp import SMTP, Envelope, Session

from sandbox.traffic import Exchange, Feed, Traffic

KEPT_MAILS = 200
SIZE_LIMIT = 5 * 1024 * 1024  # bytes


class MailSink:
    """Accepts mail on a loopback port and shows it to the page."""

    def __init__(self, feed: Feed, traffic: Traffic, *, host: str, port: int) -> None:
        self._feed = feed
        self._traffic = traffic
        self._host = host
        self._mails: deque[dict[str, object]] = deque(maxlen=KEPT_MAILS)
        self._server: asyncio.Server | None = None
        self._received = 0
        self.port = port

    async def start(self) -> None:
        """Listen; `port` then says where."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._session, self._host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    def mails(self) -> list[dict[str, object]]:
        """Return the mails kept, oldest first."""
        return list(self._mails)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's
        """Keep one mail (aiosmtpd calls this)."""
        self._received += 1
        raw = cast(bytes, envelope.content)
        mail = _read(raw, number=self._received, sender=envelope.mail_from or "", recipients=envelope.rcpt_tos)
        self._mails.append(mail)
        self._feed.publish("mail", mail)
        self._traffic.add(_exchange(raw, envelope))
        return "250 2.0.0 Kept in the sandbox"

    def _session(self) -> SMTP:
        return SMTP(self, data_size_limit=SIZE_LIMIT, enable_SMTPUTF8=True, hostname="sandbox.invalid")


def _read(raw: bytes, *, number: int, sender: str, recipients: list[str]) -> dict[str, object]:
    message = message_from_bytes(raw, policy=policy.default)
    return {
        "number": number,
        "at": time.time(),
        "from": sender,
        "to": recipients,
        "subject": str(message.get("Subject", "")),
        "headers": [[name, str(value)] for name, value in message.items()],
        "text": _part(message, "plain"),
        "html": _part(message, "html"),
    }


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except (LookupError, UnicodeError):  # a charset that Python doesn't know
        return str(part.get_payload())


def _exchange(raw: bytes, envelope: Envelope) -> Exchange:
    return Exchange(
        at=time.time(),
        direction="in",
        peer="smtp",
        method="DATA",
        url=", ".join(envelope.rcpt_tos),
        request=raw.decode("utf-8", "replace"),
        status=250,
        response="250 2.0.0 Kept in the sandbox",
    )
