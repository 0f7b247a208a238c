"""Takes accepted texts through their statuses and reports each to the product, in order or not."""

import asyncio
import random
import time
from collections.abc import Callable

from sandbox.twilio import magic
from sandbox.twilio.account import Account
from sandbox.twilio.courier import Courier
from sandbox.twilio.ledger import Message, NewMessage
from sandbox.twilio.magic import Magic
from sandbox.twilio.resource import API_VERSION
from sandbox.twilio.timetable import Step, Timetable

_STEPS_PER_TURN = 100  # then others get their turn on the event loop
_DONE_DATE_STATUSES = ("delivered", "undelivered")

Reply = Callable[[Message, str], None]


class Deliveries:
    """Plans the steps of every accepted text and carries them out, with a bounded number of callbacks under way."""

    def __init__(self, account: Account, courier: Courier) -> None:
        self._account = account
        self._courier = courier
        self._timetable = Timetable()
        self._posting: set[asyncio.Task[None]] = set()
        self._slot_freed = asyncio.Event()
        self._random = random.Random()
        self.reply: Reply | None = None  # how a member answers; set by whoever takes the members' texts

    def accept(self, new: NewMessage, *, validity_s: int = 36_000, send_in_s: float = 0.0) -> int:
        """Enter a text into the ledger, plan what becomes of it, and return its order."""
        account = self._account
        order = account.ledger.add(new, now=time.time())
        account.board.show(order, new.member)
        if new.direction == "outbound-api" and account.opt_outs.was_stop_answered(new.member):
            account.tally.after_stop += not account.opt_outs.takes_confirmation(new.member, new.body)
        for after_s, step in self._plan(order, new, validity_s):
            self._add(step, after_s=send_in_s + after_s)
        return order

    def cancel(self, order: int) -> None:
        """Cancel a scheduled text at once, and report it."""
        self._account.ledger.advance(order, "canceled", 0, now=time.time())
        self._add(Step(order, "canceled"), after_s=0.0)

    async def run(self) -> None:
        """Carry out steps as they fall due, for ever."""
        steps = 0
        while True:
            step = await self._timetable.next()
            if self._apply(step):
                await self._free_slot()
                task = asyncio.create_task(self._post(step))
                self._posting.add(task)
                task.add_done_callback(self._posted)
            else:
                self._account.pending -= 1
            steps += 1
            if steps % _STEPS_PER_TURN == 0:
                await asyncio.sleep(0)

    async def stop(self) -> None:
        """Give up the callbacks under way."""
        for task in self._posting:
            task.cancel()
        await asyncio.gather(*self._posting, return_exceptions=True)

    def _add(self, step: Step, *, after_s: float) -> None:
        self._account.pending += 1
        self._timetable.add(step, after_s=after_s)

    def _plan(self, order: int, new: NewMessage, validity_s: int) -> list[tuple[float, Step]]:
        """Return the statuses that a text will reach, with the seconds until each."""
        behaviour = self._account.behaviour
        latency = behaviour.callback_latency_ms / 1000
        first = [Step(order, "accepted")] if new.status == "scheduled" else []
        if new.service:
            first.append(Step(order, "queued"))
        if latency > validity_s:
            return [(0.0, step) for step in first] + [(validity_s, Step(order, "failed", 30036))]
        steps = [*first, *self._ending(order, new.member)]
        moments = [0.0] * len(first) + [latency, 2 * latency]
        if behaviour.shuffle:
            moments = [self._random.uniform(0.0, 3 * latency) for _ in steps]
        return list(zip(moments, steps, strict=True))

    def _ending(self, order: int, member: str) -> tuple[Step, Step]:
        kind = magic.of(member)
        code = magic.UNDELIVERED_CODES.get(kind, 0)
        if not code and self._happens(self._account.behaviour.undelivered):
            code = magic.UNDELIVERED_CODES[Magic.UNREACHABLE]
        sent = Step(order, "sent")
        last = Step(order, "undelivered", code) if code else Step(order, "delivered")
        return (last, sent) if kind is Magic.BACKWARDS else (sent, last)

    def _apply(self, step: Step) -> bool:
        """Raise the text's status and say whether a callback is to be posted."""
        account = self._account
        if account.ledger.status(step.order) == "canceled" and step.status != "canceled":
            return False
        if account.ledger.advance(step.order, step.status, step.error_code, now=time.time()):
            account.board.change(step.order)
            if step.status == "delivered":
                self._let_member_reply(step.order)
        if not account.behaviour.callbacks or not account.ledger.wants_callbacks(step.order):
            return False
        return self._survives(step)

    def _survives(self, step: Step) -> bool:
        """Lose or double a callback as often as the behaviour says."""
        behaviour = self._account.behaviour
        if step.is_repeat:
            return True
        if self._happens(behaviour.lose):
            self._account.tally.callbacks_lost += 1
            return False
        if self._happens(behaviour.duplicate):
            pause_s = behaviour.callback_latency_ms / 1000 * self._random.uniform(0.0, 3.0)
            self._add(step._replace(is_repeat=True), after_s=pause_s)
        return True

    def _happens(self, probability: float) -> bool:
        return probability > 0 and self._random.random() < probability

    def _let_member_reply(self, order: int) -> None:
        if self.reply is None:
            return
        message = self._account.ledger.read(order)
        words = magic.REPLIES.get(magic.of(message.member))
        if words and message.direction == "outbound-api":
            self.reply(message, words)

    async def _free_slot(self) -> None:
        while len(self._posting) >= self._account.behaviour.callback_concurrency:
            self._slot_freed.clear()
            await self._slot_freed.wait()

    def _posted(self, task: asyncio.Task[None]) -> None:
        self._posting.discard(task)
        self._account.pending -= 1
        self._slot_freed.set()

    async def _post(self, step: Step) -> None:
        account = self._account
        message = account.ledger.read(step.order)
        params = callback_params(account.sid, message, step, now=time.time())
        account.tally.callbacks_sent += 1
        answer = await self._courier.post(message.callback, params, algorithm=account.behaviour.signature)
        if answer.failure:
            account.tally.callbacks_failed += 1
        else:
            account.tally.callbacks_ok += 1


def callback_params(account_sid: str, message: Message, step: Step, *, now: float) -> dict[str, str]:
    """Return the form that Twilio posts when a text reaches a status.

    Source: https://www.twilio.com/docs/messaging/guides/track-outbound-message-status
    """
    params = {
        "ApiVersion": API_VERSION,
        "MessageStatus": step.status,
        "SmsSid": message.sid,
        "SmsStatus": step.status,
        "To": message.member,
        "From": message.sender,
        "MessageSid": message.sid,
        "AccountSid": account_sid,
    }
    if message.service:
        params["MessagingServiceSid"] = message.service
    if step.error_code:
        params["ErrorCode"] = str(step.error_code)
    if step.status in _DONE_DATE_STATUSES:
        params["RawDlrDoneDate"] = time.strftime("%y%m%d%H%M", time.gmtime(now))
    return params
