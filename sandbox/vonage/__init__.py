"""A stand-in for Vonage's Messages and Reports APIs: enough of the wire protocol for texts, with signed webhooks."""

from sandbox.settings import SandboxSettings
from sandbox.traffic import Traffic
from sandbox.vonage.standin import VonageStandIn

__all__ = ["VonageStandIn", "create"]


def create(settings: SandboxSettings, traffic: Traffic) -> VonageStandIn:
    """Return a stand-in that isn't started yet."""
    return VonageStandIn(settings, traffic)
