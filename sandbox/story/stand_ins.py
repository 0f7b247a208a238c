"""Hands and eyes at the stand-ins: what people do in Slack and on their phones, through the same doors as the page."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import quote, urlsplit

from sandbox.story.awaiting import Overdue, WentWrong, until

Json = dict[str, Any]

ORGANIZER, APPROVER, SECOND_APPROVER, GUEST = "U0ORGANIZER", "U0APPROVER", "U0APPROVER2", "U0GUEST"
APPROVALS, REPLIES, GENERAL = "C0APPROVALS", "C0REPLIES", "C0GENERAL"
_TIMEOUT_S = 30
_PAGE = 10_000
_TRIES, _PATIENCE_S = 3, 4.0


class Impossible(WentWrong):
    """The stand-in says that nobody could do this, or isn't there; carries its sentence."""


class StandIns:
    """One sandbox, seen and moved by people."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._address = urlsplit(url).netloc

    def ask(self, method: str, path: str, body: Json | None = None) -> Json:
        """Make a request; return the JSON that came back.

        Raises:
            Impossible: it was refused, or nobody answered.
        """
        text = json.dumps(body) if body is not None else None
        connection = HTTPConnection(self._address, timeout=_TIMEOUT_S)
        try:
            connection.request(method, path, text, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer: Json = json.loads(response.read())
        except (OSError, HTTPException, ValueError) as failure:
            raise Impossible(f"The sandbox at {self.url} gave no answer ({type(failure).__name__}).") from failure
        finally:
            connection.close()
        if response.status != 200:
            raise Impossible(str(answer.get("error", f"The sandbox answered {response.status}.")))
        return answer

    def slack(self) -> Json:
        """Return all that there is to see in Slack."""
        slack: Json = self.ask("GET", "/ui/state")["slack"]
        return slack

    def act(self, what: str, user: str, **more: Any) -> Json:
        """Do something in Slack as somebody; return what came of it."""
        return self.ask("POST", f"/ui/slack/{what}", {"user": user, **more})

    def press(self, user: str, message: Json, action_id: str) -> Json:
        """Press a button of a message."""
        return self.act("action", user, channel=message["channel"], ts=message["ts"], action_id=action_id)

    def messages(self, channel: str) -> list[Json]:
        """Return what stands in a channel, threads included, oldest first, each with its channel."""
        found: list[Json] = next(one["messages"] for one in self.slack()["channels"] if one["id"] == channel)
        return [{**message, "channel": channel} for message in found]

    def whispers(self, user: str) -> list[Json]:
        """Return what only this person sees."""
        return [one for one in self.slack()["ephemerals"] if one["user"] == user]

    def view(self, user: str) -> Json | None:
        """Return the modal that this person has before them."""
        stack: list[Json] = self.slack()["views"].get(user) or []
        return stack[-1] if stack else None

    def open_view(self, user: str, press: Callable[[], Json]) -> Json:
        """Do what opens a modal, and return it; like a person, try again when nothing happens (a trigger lives 3 s)."""
        for _ in range(_TRIES):
            press()
            with suppress(Overdue):
                return until("a modal to open", lambda: self.view(user), seconds=_PATIENCE_S)
        raise Overdue(f"{user} tried {_TRIES} times, and no modal opened.")

    def text(self, member: str, body: str, **more: Any) -> Json:
        """Text our number as a member; return what the webhook answered."""
        return self.ask("POST", "/ui/phones/text", {"from": member, "body": body, **more})

    def phone(self, number: str) -> list[Json]:
        """Return the texts on a phone, oldest first; none if it never had any."""
        try:
            phones: list[Json] = self.ask("GET", f"/ui/phones?phone={quote(number)}")["phones"]
        except Impossible:
            return []
        texts: list[Json] = phones[0]["messages"]
        return texts

    def behave(self, **knobs: Any) -> None:
        """Set how Twilio's stand-in behaves."""
        self.ask("POST", "/ui/twilio/behaviour", knobs)

    def ledger(self) -> Json:
        """Return the figures of all that Twilio's stand-in took."""
        return self.ask("GET", "/ui/ledger")

    def texts(self) -> Iterator[Json]:
        """Yield every text that Twilio's stand-in took from us, oldest first."""
        after: int | None = -1
        while after is not None:
            page = self.ask("GET", f"/ui/ledger/messages?after={after}&limit={_PAGE}")
            yield from page["messages"]
            after = page["next"]
