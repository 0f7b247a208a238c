"""Who is heard: what Slack says of them decides, and when it says nothing, nobody is."""

from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackRequestError

from bot.people import Directory
from core.errors import NotAllowed

FULL = {"id": "U1", "team_id": "T1", "tz": "America/New_York", "is_restricted": False, "is_ultra_restricted": False}


class Slack(WebClient):
    """A Slack that says of everybody and every channel what it is told to, or fails."""

    def __init__(self, user: Any = None, channel: Any = None, failure: Exception | None = None) -> None:
        super().__init__(token="xoxb-1")
        self.user, self.channel, self.failure = user, channel, failure
        self.asked = 0

    def users_info(self, **_: Any) -> Any:
        return self._answer("user", self.user)

    def conversations_info(self, **_: Any) -> Any:
        return self._answer("channel", self.channel)

    def _answer(self, name: str, told: Any) -> Any:
        self.asked += 1
        if self.failure:
            raise self.failure
        return {name: told}


def refused(code: str) -> Exception:
    error: Exception = SlackApiError("no", {"ok": False, "error": code})  # type: ignore[no-untyped-call]  # slack_sdk
    return error


def require(slack: Slack, user_id: str | None = "U1", team_id: str | None = "T1") -> None:
    Directory().require_person(slack, user_id, team_id=team_id)


def test_a_full_member_is_heard() -> None:
    person = Directory().require_person(Slack(FULL), "U1", team_id="T1")
    assert (person.id, person.tz) == ("U1", "America/New_York")


@pytest.mark.parametrize(
    "flaw",
    [
        {"deleted": True},
        {"is_bot": True},
        {"is_app_user": True},
        {"is_restricted": True},
        {"is_ultra_restricted": True},
        {"is_stranger": True},
        {"team_id": "T2"},
        {"id": "U2"},
    ],
)
def test_anybody_else_is_not(flaw: dict[str, Any]) -> None:
    with pytest.raises(NotAllowed):
        require(Slack(FULL | flaw))


@pytest.mark.parametrize("name", ["is_restricted", "is_ultra_restricted", "team_id", "id"])
def test_where_slack_leaves_out_what_matters_nobody_is_heard(name: str) -> None:
    with pytest.raises(NotAllowed):
        require(Slack({key: value for key, value in FULL.items() if key != name}))


@pytest.mark.parametrize(
    "failure",
    [
        refused("user_not_found"),
        SlackRequestError("no"),
        ConnectionRefusedError(),
        TimeoutError(),
        ValueError("no JSON"),
    ],
)
def test_when_slack_cannot_say_nobody_is_heard(failure: Exception) -> None:
    with pytest.raises(NotAllowed, match="Try again"):
        require(Slack(failure=failure))


@pytest.mark.parametrize(("user", "user_id", "team_id"), [(None, "U1", "T1"), (FULL, None, "T1"), (FULL, "U1", None)])
def test_nobody_is_heard_without_a_name(user: Any, user_id: str | None, team_id: str | None) -> None:
    with pytest.raises(NotAllowed):
        require(Slack(user), user_id, team_id)


@pytest.mark.parametrize("flag", ["is_ext_shared", "is_pending_ext_shared", "is_org_shared"])
def test_a_channel_that_others_can_read_is_refused(flag: str) -> None:
    with pytest.raises(NotAllowed, match="shared"):
        Directory().require_own_channel(Slack(channel={"id": "C1", flag: True}), "C1")


def test_a_channel_that_cannot_be_seen_is_refused() -> None:
    hidden = Slack(failure=refused("channel_not_found"))
    with pytest.raises(NotAllowed, match="Invite me"):
        Directory().require_own_channel(hidden, "C1")
    Directory().require_own_channel(hidden, "D1")
    Directory().require_own_channel(hidden, None)


def test_slack_is_asked_again_after_a_minute() -> None:
    slack, seconds = Slack(FULL), [0.0]
    directory = Directory(clock=lambda: seconds[0])
    for at, asked in ((0.0, 1), (59.0, 1), (61.0, 2)):
        seconds[0] = at
        directory.require_person(slack, "U1", team_id="T1")
        assert slack.asked == asked
    slack.user = FULL | {"deleted": True}
    seconds[0] = 122.0
    with pytest.raises(NotAllowed):
        directory.require_person(slack, "U1", team_id="T1")
