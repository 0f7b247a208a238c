"""A stand-in for Slack: its Web API, its signed deliveries, Socket Mode, and what people would see in the client."""

from sandbox.settings import SandboxSettings
from sandbox.slack.standin import SlackStandIn
from sandbox.traffic import Feed, Traffic

__all__ = ["SlackStandIn", "create"]


def create(settings: SandboxSettings, feed: Feed, traffic: Traffic) -> SlackStandIn:
    """Return a stand-in with an empty workspace; its routes are to be served, and it is to be started and stopped."""
    return SlackStandIn(settings, feed, traffic)
