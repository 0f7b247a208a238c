"""auth.test and users.*."""

from sandbox.slack.api import pages
from sandbox.slack.calls import Call
from sandbox.slack.state import Slack
from sandbox.slack.wire import BOT_ID, BOT_USER, TEAM_NAME, Json


def auth_test(slack: Slack, _: Call) -> Json:
    """Say whose token it is."""
    bot = slack.workspace.people[BOT_USER]
    return {
        "url": f"{slack.origin}/", "team": TEAM_NAME, "user": bot.name, "team_id": slack.team_id, "user_id": BOT_USER,
        "bot_id": BOT_ID, "is_enterprise_install": False,
    }  # fmt: skip


def users_info(slack: Slack, call: Call) -> Json:
    """Return one user."""
    return {"user": slack.workspace.person(call.text("user")).as_json()}


def users_list(slack: Slack, call: Call) -> Json:
    """Return the workspace's own users; strangers aren't listed."""
    own = [person for person in slack.workspace.people.values() if not person.is_stranger]
    page, metadata = pages.cut(call, own, default=1_000)
    cache_ts = int(slack.clock())
    return {"members": [person.as_json() for person in page], "cache_ts": cache_ts, "response_metadata": metadata}
