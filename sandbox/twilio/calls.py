"""Calls from members' phones: the product's verbs are carried out, and it is told of keys, messages and the end."""

import asyncio
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urljoin

from sandbox.twilio import verbs
from sandbox.twilio.account import Account
from sandbox.twilio.courier import Courier
from sandbox.twilio.inbound import PLACE
from sandbox.twilio.optouts import Kind
from sandbox.twilio.resource import API_VERSION
from sandbox.twilio.twiml import BadTwiml
from sandbox.twilio.verbs import Verb

VOICE_PATH = "/twilio/voice"
ENDED_PATH = f"{VOICE_PATH}/ended"
# What Twilio itself says when it can't get on.
_TROUBLE = "We're sorry, an application error has occurred. Goodbye."
_WITHHELD = "anonymous"
_MOST_REQUESTS = 20  # a script that leads in circles ends here
_KEPT = 100
State = Literal["talking", "key", "tone", "ended"]


@dataclass
class Call:
    """One call. `state`: whether it waits for a key, for words after the tone, or is over."""

    sid: str
    member: str
    number: str
    is_withheld: bool
    began_at: float
    state: State = "talking"
    lines: list[dict[str, str]] = field(default_factory=list)
    left: list[Verb] = field(default_factory=list)
    waits_in: Verb | None = None
    address: str = ""
    requests: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def say(self, who: Literal["voice", "caller"], text: str) -> None:
        """Add a line to what was said."""
        self.lines.append({"who": who, "text": text})

    def as_json(self) -> dict[str, object]:
        """Return it as the page shows it."""
        return {"sid": self.sid, "phone": self.member, "state": self.state, "lines": self.lines}


class Switchboard:
    """Puts calls through to the product."""

    def __init__(self, account: Account, courier: Courier) -> None:
        self._account = account
        self._courier = courier
        self._calls: OrderedDict[str, Call] = OrderedDict()

    def find(self, sid: str) -> Call | None:
        """Return a call, unless it is unknown or long over."""
        return self._calls.get(sid)

    async def place(self, member: str, number: str, *, is_withheld: bool = False) -> Call:
        """Call one of the account's numbers, and listen until something is to be done."""
        call = Call(f"CA{secrets.token_hex(16)}", member, number, is_withheld, time.time())
        self._calls[call.sid] = call
        while len(self._calls) > _KEPT:
            self._calls.popitem(last=False)
        async with call.lock:
            await self._ask(call, self._address(VOICE_PATH), {"CallStatus": "ringing"})
        return call

    async def press(self, call: Call, key: str) -> None:
        """Press a key: where one is waited for it is told; where a message is taken, it may end it."""
        async with call.lock:
            waits_in = call.waits_in
            call.say("caller", f"(presses {key})")
            if call.state == "key" and waits_in is not None:
                await self._ask(call, self._next(call, waits_in), {"Digits": key, "msg": "Gather End"})
            elif call.state == "tone" and waits_in is not None and key in waits_in.keys_that_end:
                await self._record(call, waits_in, 1, key)

    async def wait(self, call: Call) -> None:
        """Do nothing, until what is waited for is given up."""
        async with call.lock:
            if call.state in ("key", "tone"):
                await self._run(call)

    async def speak(self, call: Call, seconds: int) -> None:
        """Wait for the tone if need be, say something for so many seconds, and hang up."""
        async with call.lock:
            while call.state == "key":
                await self._run(call)
            if call.state == "tone" and call.waits_in is not None:
                call.say("caller", f"(speaks for {seconds} seconds)")
                most = int(call.waits_in.rules.get("maxLength", "3600"))
                await self._record(call, call.waits_in, min(seconds, most), "hangup")

    async def hang_up(self, call: Call) -> None:
        """End a call; the product is told."""
        async with call.lock:
            if call.state != "ended":
                call.say("caller", "(hangs up)")
                await self._end(call)

    async def _record(self, call: Call, verb: Verb, seconds: int, key: str) -> None:
        """Keep a message, and tell of it twice: at once, where the call goes on, and when it is ready.

        Source: https://www.twilio.com/docs/voice/twiml/record
        """
        account = self._account
        sid = account.recordings.keep(call.sid, seconds)
        root = f"{account.media.origin}/twilio/{API_VERSION}/Accounts/{account.sid}"
        told = {
            "RecordingUrl": f"{root}/Recordings/{sid}",
            "RecordingSid": sid,
            "RecordingDuration": str(seconds),
        }
        has_hung_up = key == "hangup"
        status = {"CallStatus": "completed"} if has_hung_up else {}
        await self._ask(call, self._next(call, verb), {**told, "Digits": key, **status}, is_heard=not has_hung_up)
        if has_hung_up:
            await self._end(call)
        ready = verb.rules.get("recordingStatusCallback")
        if ready:
            own = {"AccountSid": account.sid, "CallSid": call.sid, "RecordingStatus": "completed"}
            own |= {"RecordingChannels": "1", "RecordingSource": "RecordVerb", "ErrorCode": "0", **told}
            await self._post(urljoin(call.address, ready), own)

    async def _run(self, call: Call) -> None:
        """Carry out verbs until one waits for the caller, asks for more, or none is left."""
        call.waits_in = None
        while call.left:
            verb = call.left.pop(0)
            for words in verb.said if verb.name in ("Say", "Gather") else ():
                call.say("voice", words)
            if verb.name in ("Gather", "Record"):
                call.waits_in, call.state = verb, "key" if verb.name == "Gather" else "tone"
                return
            if verb.name == "Redirect":
                await self._ask(call, urljoin(call.address, "".join(verb.said)), {})
                return
            if verb.name in ("Hangup", "Reject"):
                break
        await self._end(call)

    async def _ask(self, call: Call, address: str, more: dict[str, str], *, is_heard: bool = True) -> None:
        """Ask the product what is to be done next, and do it."""
        call.requests += 1
        call.state, call.waits_in, call.address = "talking", None, address
        status, text = await self._post(address, {**self._params(call), **more})
        if not is_heard:
            return
        try:
            if not 200 <= status < 300 or call.requests > _MOST_REQUESTS:
                raise BadTwiml("The webhook failed.")
            call.left = verbs.read(text)
        except BadTwiml as error:
            call.say("voice", f"{_TROUBLE} ({error})")
            call.left = []
        await self._run(call)

    async def _end(self, call: Call) -> None:
        if call.state == "ended":
            return
        call.state, call.waits_in, call.left = "ended", None, []
        lasted = str(max(int(time.time() - call.began_at), 1))
        over = {"CallStatus": "completed", "CallDuration": lasted, "Duration": "1"}
        await self._post(self._address(ENDED_PATH), {**self._params(call), **over})

    async def _post(self, address: str, params: dict[str, str]) -> tuple[int, str]:
        answer = await self._courier.post(address, params, algorithm=self._account.behaviour.signature)
        return answer.status, answer.text

    def note_stopped(self, call: Call) -> None:
        """Remember that the product knows of a caller's wish: every later text is one too many."""
        self._account.opt_outs.note_answered(call.member, Kind.STOP, is_keyword=True)

    def _next(self, call: Call, verb: Verb) -> str:
        return urljoin(call.address, verb.rules.get("action", ""))

    def _address(self, path: str) -> str:
        settings = self._account.settings
        return (settings.public_url or settings.webhooks_url) + path

    def _params(self, call: Call) -> dict[str, str]:
        """Return the form of Twilio's requests about a call.

        Source: https://www.twilio.com/docs/voice/twiml#request-parameters
        """
        caller = _WITHHELD if call.is_withheld else call.member
        places = {f"{end}{name}": value for end in ("To", "From", "Called", "Caller") for name, value in PLACE.items()}
        return places | {
            "ApiVersion": API_VERSION,
            "AccountSid": self._account.sid,
            "CallSid": call.sid,
            "CallStatus": "in-progress",
            "Direction": "inbound",
            "From": caller,
            "Caller": caller,
            "To": call.number,
            "Called": call.number,
        }
