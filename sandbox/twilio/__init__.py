"""A stand-in for Twilio's Messages API: the real wire protocol, signed callbacks, opt-outs, a ledger that counts."""

import asyncio
from contextlib import suppress

from starlette.routing import Route

from sandbox.settings import SandboxSettings
from sandbox.traffic import Feed, Traffic
from sandbox.twilio.account import Account
from sandbox.twilio.board import Board
from sandbox.twilio.calls import Switchboard
from sandbox.twilio.courier import Courier
from sandbox.twilio.deliveries import Deliveries
from sandbox.twilio.inbound import Inbox
from sandbox.twilio.ledger import Ledger
from sandbox.twilio.phones import Phones
from sandbox.twilio.pulse import Pulse
from sandbox.twilio.telephone import Telephone
from sandbox.twilio.ui import Desk
from sandbox.twilio.wire import Wire

__all__ = ["TwilioStandIn", "create"]


class TwilioStandIn:
    """The parts of the stand-in; `asgi` serves /twilio/, `routes` what lies under /ui/."""

    def __init__(self, settings: SandboxSettings, feed: Feed, traffic: Traffic) -> None:
        ledger = Ledger()
        self.account = Account(settings, Board(feed, ledger), ledger)
        self._courier = Courier(settings, traffic)
        self._deliveries = Deliveries(self.account, self._courier)
        self._inbox = Inbox(self.account, self._courier, self._deliveries)
        self._phones = Phones(self.account, self._inbox)
        self._pulse = Pulse()
        self._loops: list[asyncio.Task[None]] = []
        self.asgi = Wire(self.account, self._deliveries, traffic)
        telephone = Telephone(self.account, Switchboard(self.account, self._courier))
        self.routes: list[Route] = [*self._phones.routes, *telephone.routes, *Desk(self.account, self._pulse).routes]

    def snapshot(self) -> dict[str, object]:
        """Return the phones and the totals, for a page that opens."""
        return self._phones.snapshot() | {"totals": self.account.totals()}

    async def start(self) -> None:
        """Begin to post callbacks and to tell the feed."""
        await self._courier.start()
        self._loops = [
            asyncio.create_task(self._deliveries.run()),
            asyncio.create_task(self._pulse.run()),
            asyncio.create_task(self.account.board.run(self.account.totals)),
        ]

    async def stop(self) -> None:
        """Give up what is under way."""
        self.asgi.stop()
        for loop in self._loops:
            loop.cancel()
            with suppress(asyncio.CancelledError):
                await loop
        await self._deliveries.stop()
        await self._inbox.stop()
        await self._courier.stop()


def create(settings: SandboxSettings, feed: Feed, traffic: Traffic) -> TwilioStandIn:
    """Return a stand-in that isn't started yet."""
    return TwilioStandIn(settings, feed, traffic)
