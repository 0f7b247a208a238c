"""All that the stand-in knows, in one place for the Web API, the deliveries and the page."""

import time
from dataclasses import dataclass, field

from sandbox.settings import SandboxSettings
from sandbox.slack.faults import Faults
from sandbox.slack.files import Files
from sandbox.slack.tickets import ResponseUrls, Triggers
from sandbox.slack.views import Views
from sandbox.slack.wire import Clock, Json
from sandbox.slack.workspace import Workspace
from sandbox.traffic import Feed

# What the app's manifest asks for; `faults` may take some away.
GRANTED_SCOPES = (
    "commands", "chat:write", "users:read", "channels:read", "groups:read", "im:read", "channels:history",
    "groups:history", "im:history", "im:write", "files:read", "files:write", "reactions:write", "usergroups:read",
)  # fmt: skip


@dataclass
class Slack:
    """One workspace with one app installed."""

    settings: SandboxSettings
    feed: Feed
    clock: Clock
    workspace: Workspace
    views: Views
    triggers: Triggers
    response_urls: ResponseUrls
    files: Files
    faults: Faults
    scopes: tuple[str, ...] = GRANTED_SCOPES
    # Where requests reach us: known once the first one came, and needed for the addresses that we hand out.
    origin: str = ""
    message_states: dict[tuple[str, str], Json] = field(default_factory=dict)

    @property
    def team_id(self) -> str:
        """Return the workspace's id."""
        return self.settings.slack_team_id


def fresh(settings: SandboxSettings, feed: Feed, clock: Clock = time.time) -> Slack:
    """Return a workspace where nothing happened yet."""
    return Slack(
        settings=settings,
        feed=feed,
        clock=clock,
        workspace=Workspace(settings.slack_team_id, feed, clock),
        views=Views(settings.slack_team_id, feed),
        triggers=Triggers(clock),
        response_urls=ResponseUrls(clock),
        files=Files(clock),
        faults=Faults(clock),
        origin=f"http://127.0.0.1:{settings.port}",
    )
