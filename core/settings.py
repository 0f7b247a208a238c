"""Every setting, read once from the environment and `.env`; what is missing or unsafe is named at the start."""

import logging
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, PositiveFloat, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from core.domain import caps, retries, senders
from core.domain.hours import QuietHours, parse_zone
from core.domain.senders import Sender
from core.errors import Misconfigured, Rejected

_ROOT = Path(__file__).resolve().parent.parent
# What `require` is asked for by whoever needs a sender.
A_SENDER = "TWILIO_SENDERS|TWILIO_MESSAGING_SERVICE_SID|TWILIO_FROM_NUMBER"
# What we are called where ORGANIZATION_NAME isn't set.
UNNAMED = "our organization"
# What pydantic calls what is wrong with a value.
_LIMITS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}
_WANTED = {
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "finite": "a number",
    "bool": "true or false",
}
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Settings(BaseSettings):
    """The settings of all processes; the comment on each is what `.env.example` says of it."""

    model_config = SettingsConfigDict(case_sensitive=False, extra="ignore", hide_input_in_errors=True, frozen=True)

    database_url: str = f"sqlite:///{_ROOT / 'var' / 'blast.db'}"
    database_pool: int = Field(default=15, ge=2, le=100)
    redis_url: str = "redis://127.0.0.1:6379/0"
    public_url: str = ""
    host: str = "127.0.0.1"
    port: int | None = Field(default=None, ge=0, le=65_535)
    bot_port: int | None = Field(default=None, ge=0, le=65_535)
    webhooks_port: int | None = Field(default=None, ge=0, le=65_535)
    log_level: str = "INFO"

    twilio_account_sid: str = ""
    twilio_auth_token: str = Field(default="", repr=False)
    twilio_auth_token_secondary: str = Field(default="", repr=False)
    twilio_api_key_sid: str = ""
    twilio_api_key_secret: str = Field(default="", repr=False)
    twilio_from_number: str = ""
    twilio_messaging_service_sid: str = ""
    twilio_senders: str = ""
    twilio_api_url: str = "https://api.twilio.com"

    vonage_api_key: str = ""
    vonage_api_secret: str = Field(default="", repr=False)
    vonage_signature_secret: str = Field(default="", repr=False)
    vonage_senders: str = ""
    vonage_api_url: str = "https://api.nexmo.com"

    slack_bot_token: str = Field(default="", repr=False)
    slack_signing_secret: str = Field(default="", repr=False)
    slack_app_token: str = Field(default="", repr=False)
    slack_api_url: str = "https://slack.com/api/"
    slack_team_id: str = ""
    slack_approvals_channel: str = ""
    slack_replies_channel: str = ""
    slack_admins: Annotated[tuple[str, ...], NoDecode] = ()

    organization_name: str = UNNAMED
    default_region: str = "US"
    message_max_length: int = Field(default=480, ge=1, le=1600)
    price_per_segment: Decimal = Field(default=Decimal("0.0113"), ge=0)
    price_currency: str = "USD"
    second_approver_above: int = Field(default=10_000, ge=1)
    undo_seconds: int = Field(default=30, ge=0, le=86_400)
    scheduled_message_max_lag: int = Field(default=1440, ge=1, le=525_600)
    quiet_hours: str = "09:00-20:00;sun=12:00-20:00"
    quiet_states: bool = True
    sender_rate: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    canary_size: int = Field(default=0, ge=0)
    canary_seconds: int = Field(default=120, ge=1)
    max_in_flight: int = Field(default=100, ge=1, le=1000)
    max_per_recipient_per_hour: int = Field(default=10, ge=1)
    frequency_caps: str = ""
    daily_cap: int = Field(default=0, ge=0)
    daily_cap_zone: str = "America/Los_Angeles"
    max_attempts: int = Field(default=8, ge=1)
    retry_after: Annotated[tuple[PositiveFloat, ...], NoDecode] = retries.WAITS_S
    claim_lease_seconds: int = Field(default=90, ge=40, le=86_400)
    resend_untraced: bool = True
    leave_unknown_after: int = Field(default=24, ge=1, le=8_760)
    likely_opt_out_hours: int = Field(default=24, ge=1, le=8_760)
    poll_after_minutes: int = Field(default=60, ge=1)
    inbound_gap_minutes: int = Field(default=10, ge=0)
    double_opt_in: bool = False
    assistant_url: str = ""
    assistant_api_key: str = Field(default="", repr=False)
    assistant_model: str = "gpt-4o-mini"
    email_events_token: str = Field(default="", repr=False)
    nag_after_hours: float = Field(default=2, ge=0)
    retention_days: int = Field(default=30, ge=1, le=36_500)

    @field_validator("slack_admins", "retry_after", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part for part in re.split(r"[,\s]+", value) if part) if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _driver(cls, value: str) -> str:
        if value.startswith(("postgres://", "postgresql://")):
            return "postgresql+psycopg://" + value.split("://", 1)[1]
        if not value.startswith(("postgresql+psycopg://", "sqlite:///")):
            raise ValueError("must start with postgresql:// or sqlite:///")
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: str) -> str:
        if not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must start with redis://, rediss:// or unix://")
        urlsplit(value)  # raises ValueError where the address is broken
        return value

    @field_validator("log_level")
    @classmethod
    def _level(cls, value: str) -> str:
        if value.upper() not in logging.getLevelNamesMapping():
            raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
        return value.upper()

    @field_validator("public_url", "twilio_api_url", "vonage_api_url", "slack_api_url", "assistant_url")
    @classmethod
    def _https(cls, value: str) -> str:
        url = urlsplit(value)
        if value and not (url.scheme == "https" or (url.scheme == "http" and url.hostname in LOOPBACK)):
            raise ValueError("must be an https:// address (http:// only on this machine's loopback)")
        if value and (not url.hostname or url.query or url.fragment):
            raise ValueError("must be a host and perhaps a path, with nothing after a ? or #")
        if "_" in (url.hostname or ""):
            raise ValueError("has a host with an underscore, which Twilio refuses")
        return value

    @field_validator("slack_api_url")
    @classmethod
    def _closed_by_slash(cls, value: str) -> str:
        return value if value.endswith("/") else value + "/"

    @field_validator("quiet_hours")
    @classmethod
    def _hours(cls, value: str) -> str:
        try:
            QuietHours.parse(value)
        except Rejected as refusal:
            raise ValueError(refusal.sentence) from refusal
        return value

    @field_validator("twilio_senders", "vonage_senders")
    @classmethod
    def _senders(cls, value: str) -> str:
        try:
            senders.parse(value, usual_rate=0)
        except Rejected as refusal:
            raise ValueError(refusal.sentence) from refusal
        return value

    @field_validator("frequency_caps", "daily_cap_zone")
    @classmethod
    def _caps(cls, value: str, info: ValidationInfo) -> str:
        try:
            caps.parse(value) if info.field_name == "frequency_caps" else parse_zone(value)
        except Rejected as refusal:
            raise ValueError(refusal.sentence) from refusal
        return value

    @model_validator(mode="after")
    def _whole_second_provider(self) -> "Settings":
        given = (self.vonage_api_key, self.vonage_api_secret, self.vonage_signature_secret, self.vonage_senders)
        if any(given) and not all(given):
            raise ValueError(
                "VONAGE_API_KEY, VONAGE_API_SECRET, VONAGE_SIGNATURE_SECRET and VONAGE_SENDERS belong together: "
                "set all of them, or none"
            )
        return self

    @model_validator(mode="after")
    def _no_oauth_by_accident(self) -> "Settings":
        # Bolt turns OAuth installation on, silently, when it finds both of these in the environment.
        if os.environ.get("SLACK_CLIENT_ID") and os.environ.get("SLACK_CLIENT_SECRET"):
            raise ValueError("SLACK_CLIENT_ID and SLACK_CLIENT_SECRET would switch OAuth on: unset them")
        return self

    @property
    def senders(self) -> tuple[Sender, ...]:
        """The numbers and messaging services from which texts leave."""
        if self.twilio_senders.strip():
            return senders.parse(self.twilio_senders, usual_rate=self.sender_rate)
        only = self.twilio_messaging_service_sid or self.twilio_from_number
        return (Sender(only, self.sender_rate),) if only else ()

    @property
    def standby(self) -> tuple[Sender, ...]:
        """The senders of the second provider, which take over while the first one fails."""
        found = senders.parse(self.vonage_senders, usual_rate=self.sender_rate)
        return tuple(Sender(senders.of(senders.VONAGE, each.address), each.segments_per_s) for each in found)

    @property
    def sender(self) -> str:
        """The number or messaging service from which a text leaves whose recipient knows none of them."""
        return next((sender.address for sender in self.senders), "")

    @property
    def segments_per_s(self) -> float:
        """The pace of all senders together; 0: as fast as the provider answers."""
        rates = [sender.segments_per_s for sender in self.senders] or [self.sender_rate]
        return sum(rates) if all(rates) else 0.0

    @property
    def media_host(self) -> str:
        """Where Twilio keeps what members send along."""
        return urlsplit(self.twilio_api_url).netloc

    @property
    def quiet(self) -> QuietHours | None:
        """When people may be texted; None: at any time."""
        if not self.quiet_hours.strip():
            return None
        return replace(QuietHours.parse(self.quiet_hours), heeds_states=self.quiet_states)

    @property
    def max_lag(self) -> timedelta:
        """How late a schedule may be found and still be sent."""
        return timedelta(minutes=self.scheduled_message_max_lag)

    def not_again_within(self, channel: str) -> timedelta | None:
        """How much time must lie between two blasts to one person by a channel."""
        return caps.parse(self.frequency_caps).get(channel)

    @property
    def claim_lease(self) -> timedelta:
        """How long a claim holds before its outcome counts as unknown."""
        return timedelta(seconds=self.claim_lease_seconds)

    @property
    def poll_after(self) -> timedelta:
        """How long a message may stay open before the provider is asked, and asked again."""
        return timedelta(minutes=self.poll_after_minutes)

    @property
    def inbound_gap(self) -> timedelta:
        """How often missed texts are looked for; nothing: never."""
        return timedelta(minutes=self.inbound_gap_minutes)

    def rate_of(self, sender: str) -> float:
        """Return a sender's segments per second; for one that isn't in use any more, the usual rate."""
        return dict((*self.senders, *self.standby)).get(sender, self.sender_rate)

    def port_for(self, own: int | None, *, otherwise: int) -> int:
        """Return the port to listen on: the process's own setting, else PORT, else the usual one."""
        return next(port for port in (own, self.port, otherwise) if port is not None)

    def require(self, *names: str) -> None:
        """Refuse to start while a setting is empty; `a|b` asks for one of two.

        Raises:
            Misconfigured: names every setting that is missing.
        """
        missing = [name for name in names if not any(getattr(self, part.lower()) for part in name.split("|"))]
        if missing:
            wanted = ", ".join(name.replace("|", " or ") for name in missing)
            raise Misconfigured(f"Missing setting: {wanted}. Set it in the environment or in .env (see .env.example).")


def load(**overrides: Any) -> Settings:
    """Read the settings; ENV_FILE names the file to read beside the environment (empty: none).

    Raises:
        Misconfigured: a value can't be taken; names each setting, never its value.
    """
    env_file = os.environ.get("ENV_FILE", str(_ROOT / ".env")) or None
    try:
        return Settings(_env_file=env_file, **overrides)
    except ValidationError as errors:
        raise Misconfigured(" ".join(_sentence(each) for each in errors.errors())) from None


def _sentence(error: Mapping[str, Any]) -> str:
    """Say in our words what is wrong with a setting."""
    name = ".".join(map(str, error["loc"])).upper()
    told = _said(error["type"], error.get("ctx", {})).rstrip(".")
    is_verb = told.startswith(("must ", "has ", "can't "))
    return f"{name} {told}." if name and is_verb else f"{name}: {told}." if name else f"{told}."


def _said(kind: str, context: Mapping[str, Any]) -> str:
    if kind == "value_error":
        return str(context["error"])
    if kind in _LIMITS:
        name, words = _LIMITS[kind]
        return f"must be {words} {context[name]}"
    wanted = next((words for start, words in _WANTED.items() if kind.startswith(start)), "")
    return f"must be {wanted}" if wanted else "can't be taken. See .env.example"


@lru_cache(maxsize=1)
def current() -> Settings:
    """Return this process's settings, read once."""
    return load()
