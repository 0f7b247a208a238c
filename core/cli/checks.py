"""What `blast doctor` looks at: each check says whether all is well, and if not, what to do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import redis
import sqlalchemy as sa
from slack_sdk.errors import SlackApiError, SlackClientError
from twilio.base.exceptions import TwilioException  # type: ignore[import-untyped]  # ships no types

from core import db, settings
from core.channels.twilio import Addresses, Lookup
from core.clock import utc_now
from core.errors import Misconfigured
from core.models import ChannelName
from core.settings import Settings
from core.slack.gateway import web_client
from core.usecases import failover, processors

_TIMEOUT_S = 5
# As in deploy/slack; files:write is welcome, for sending refused rows back, but not needed.
_WANTED = "commands chat:write users:read channels:read groups:read files:read"
_SCOPES = frozenset(_WANTED.split())
_SETTINGS = (
    "PUBLIC_URL",
    "SLACK_BOT_TOKEN",
    "SLACK_SIGNING_SECRET|SLACK_APP_TOKEN",
    "SLACK_APPROVALS_CHANNEL",
    "SLACK_REPLIES_CHANNEL",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
    settings.A_SENDER,
)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at, and what was found in a sentence."""

    name: str
    is_well: bool
    told: str

    def as_json(self) -> dict[str, object]:
        """Return it by name."""
        return asdict(self)


class _Problem(Exception):
    """What is wrong, and what to do."""


def run() -> list[Check]:
    """Look at everything; what is wrong with one thing doesn't keep the others from being looked at."""
    try:
        configured = settings.current()
    except Misconfigured as fault:
        return [Check("settings", is_well=False, told=str(fault))]
    return [_checked(name, look, configured) for name, look in _CHECKS.items()]


def _checked(name: str, look: Callable[[Settings], str], configured: Settings) -> Check:
    try:
        return Check(name, is_well=True, told=look(configured))
    except (_Problem, Misconfigured) as problem:
        return Check(name, is_well=False, told=str(problem))


def _settings(configured: Settings) -> str:
    configured.require(*_SETTINGS)
    return "all that is needed is set."


def _database(configured: Settings) -> str:
    url = sa.make_url(configured.database_url)
    where = f"{url.get_backend_name()} at {url.host or url.database}"
    try:
        is_current = db.is_current()
    except sa.exc.SQLAlchemyError as failure:
        cause = str(failure.__cause__ or failure).strip().splitlines()[0]
        raise _Problem(f"{where} can't be used: {cause}. Check DATABASE_URL, and that the server runs.") from failure
    if not is_current:
        raise _Problem(f"{where} isn't at this version's schema. Run `blast migrate`.")
    return f"{where}, at this version's schema."


def _redis(configured: Settings) -> str:
    try:
        with redis.Redis.from_url(
            configured.redis_url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S
        ) as client:
            version = client.info("server")["redis_version"]
            policy = client.info("memory").get("maxmemory_policy", "noeviction")
    except redis.RedisError as failure:
        raise _Problem(f"doesn't answer ({failure}). Check REDIS_URL, and that the server runs.") from failure
    if policy != "noeviction":
        raise _Problem(f"may throw away what it holds ({policy}). Set its maxmemory-policy to noeviction.")
    return f"version {version}."


def _slack(configured: Settings) -> str:
    configured.require("SLACK_BOT_TOKEN")
    try:
        answer = web_client(configured.slack_bot_token, configured.slack_api_url).auth_test()
    except SlackApiError as failure:
        code = failure.response.get("error")
        raise _Problem(f"refuses the token ({code}). Copy the bot token again to SLACK_BOT_TOKEN.") from failure
    except (SlackClientError, OSError, ValueError) as failure:
        raise _Problem(f"doesn't answer ({type(failure).__name__}). Check the network and SLACK_API_URL.") from failure
    team = str(answer.get("team_id"))
    if configured.slack_team_id and team != configured.slack_team_id:
        raise _Problem(f"the token is for the workspace {team}, and SLACK_TEAM_ID names another one.")
    granted = next((value for name, value in answer.headers.items() if name.lower() == "x-oauth-scopes"), None)
    missing = _SCOPES - {scope.strip() for scope in granted.split(",")} if granted else frozenset()
    if missing:
        raise _Problem(f"the app lacks {', '.join(sorted(missing))}. Add these scopes and install it again.")
    return f"signed in as {answer.get('user')} in {answer.get('team')}."


def _twilio(configured: Settings) -> str:
    configured.require("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN|TWILIO_API_KEY_SID")
    lookup = Lookup(configured)
    with _asking_twilio():
        status = lookup.account_status()
        inbound = _numbers(configured, lookup)
    if status != "active":
        raise _Problem(f"the account is {status}. See to it in Twilio's console.")
    wanted = f"{configured.public_url.rstrip('/')}/twilio/inbound"
    for number, found in inbound.items():
        whose = f"the number that ends in {number[-4:]}"
        if found is None:
            raise _Problem(f"{whose} isn't this account's. Correct TWILIO_FROM_NUMBER or TWILIO_SENDERS.")
        if found.texts.partition("#")[0] != wanted:
            raise _Problem(f"inbound texts to {whose}, STOP among them, don't come to us. Set its webhook to {wanted}.")
    return f"the account is active, {len(configured.senders)} in use as sender."


def _calls(configured: Settings) -> str:
    configured.require("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN|TWILIO_API_KEY_SID")
    try:
        with db.reading() as session:
            takes_calls = processors.takes(session, ChannelName.VOICE)
    except sa.exc.SQLAlchemyError as failure:
        raise _Problem("whether they are taken can't be read: see the database.") from failure
    if not takes_calls:
        return "none are taken: the table intakes has them turned off."
    with _asking_twilio():
        found = _numbers(configured, Lookup(configured))
    wanted = f"{configured.public_url.rstrip('/')}/twilio/voice"
    numbers = {number: each for number, each in found.items() if each is not None and each.calls is not None}
    for number, each in numbers.items():
        whose = f"the number that ends in {number[-4:]}"
        if (each.calls or "").partition("#")[0] != wanted:
            raise _Problem(
                f"who calls {whose} doesn't come to us, and can't stop our texts by a key. Set what happens when a "
                f"call comes in to {wanted}, or turn voice off in the table intakes."
            )
        if each.ended.partition("#")[0] != f"{wanted}/ended":
            raise _Problem(f"that calls to {whose} are over isn't told. Set its call status changes to {wanted}/ended.")
    return f"they come to us ({len(numbers)} of our numbers)." if numbers else "no number of ours takes any."


@contextmanager
def _asking_twilio() -> Iterator[None]:
    try:
        yield
    # The SDK lets its HTTP client's errors, which are OSErrors, through.
    except (TwilioException, OSError) as failure:
        cause = str(getattr(failure, "msg", "")) or type(failure).__name__
        raise _Problem(f"{cause}. Check the Twilio settings and TWILIO_API_URL.") from failure


def _numbers(configured: Settings, lookup: Lookup) -> dict[str, Addresses | None]:
    numbers = [sender.address for sender in configured.senders if sender.address.startswith("+")]
    return {number: lookup.addresses(number) for number in numbers}


def _providers(configured: Settings) -> str:
    try:
        with db.reading() as session:
            down = failover.down(session, now=utc_now())
    except sa.exc.SQLAlchemyError as failure:
        raise _Problem("their health can't be read: see the database.") from failure
    standby = len(configured.standby)
    if down and not standby:
        raise _Problem(f"{', '.join(sorted(down))} can't be reached, and there is no second one. What waits is kept.")
    if down:
        raise _Problem(f"{', '.join(sorted(down))} can't be reached; new texts leave through the other one.")
    return f"Vonage stands by with {standby} senders." if standby else "no second provider for texts is set up."


_CHECKS: dict[str, Callable[[Settings], str]] = {
    "settings": _settings,
    "database": _database,
    "Redis": _redis,
    "Slack": _slack,
    "Twilio": _twilio,
    "calls": _calls,
    "providers": _providers,
}
