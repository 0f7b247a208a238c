"""Requests as Slack and Twilio sign them, byte by byte, so that they can be forged; and what a database then holds."""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from http.client import HTTPConnection
from urllib.parse import urlencode

import sqlalchemy as sa

from sandbox.settings import SANDBOX_CREDENTIALS
from tests.journeys.house import House

FORM = "application/x-www-form-urlencoded"


def post(house: House, door: str, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
    """Post to one of our servers; return the status and the answer."""
    connection = HTTPConnection("127.0.0.1", house.port(door), timeout=20)
    try:
        connection.request("POST", path, body, {"Content-Type": FORM, **headers})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def slack_headers(body: bytes, *, at: float | None = None) -> dict[str, str]:
    """Sign a body as Slack does, now or at some other time."""
    stamp = str(int(time.time() if at is None else at))
    secret = SANDBOX_CREDENTIALS["SLACK_SIGNING_SECRET"].encode()
    digest = hmac.new(secret, b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}


def twilio_headers(house: House, path: str, fields: Mapping[str, str]) -> dict[str, str]:
    """Sign a form as Twilio does."""
    signed = house.env["PUBLIC_URL"] + path + "".join(name + fields[name] for name in sorted(fields))
    token = SANDBOX_CREDENTIALS["TWILIO_AUTH_TOKEN"].encode()
    return {"X-Twilio-Signature": base64.b64encode(hmac.new(token, signed.encode(), hashlib.sha1).digest()).decode()}


def command(text: str) -> bytes:
    """Return the body of `/blast` as the organizer types it."""
    return urlencode(
        {
            "command": "/blast",
            "text": text,
            "user_id": "U0ORGANIZER",
            "user_name": "organizer",
            "team_id": SANDBOX_CREDENTIALS["SLACK_TEAM_ID"],
            "channel_id": "C0GENERAL",
            "trigger_id": "1.2.3",
            "response_url": "http://127.0.0.1:9/nobody-listens",
        }
    ).encode()


def stored(house: House) -> dict[str, int]:
    """Return how many rows each table of the house's database holds."""
    engine = sa.create_engine(house.env["DATABASE_URL"])
    try:
        with engine.connect() as connection:
            tables = sa.inspect(connection).get_table_names()
            return {
                name: connection.scalar(sa.select(sa.func.count()).select_from(sa.table(name))) or 0 for name in tables
            }
    finally:
        engine.dispose()
