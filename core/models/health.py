"""Whether a provider can be reached, and how much a sender has sent in a day."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from core.models.columns import instant


class ProviderHealth(SQLModel, table=True):
    """How a provider has answered of late.

    `failures`: calls in a row that surely didn't go through, without one that did. `down_until`: until then others take
    over what waits for it.
    """

    __tablename__ = "provider_health"

    name: str = Field(primary_key=True, max_length=32)
    failures: int = 0
    reason: str = ""
    down_until: datetime | None = instant(default=None, nullable=True)
    noted_at: datetime = instant()


class SenderDay(SQLModel, table=True):
    """How many messages a sender has sent in the day that ends at `resets_at`; kept while it has a daily cap."""

    __tablename__ = "sender_days"

    sender: str = Field(primary_key=True, max_length=64)
    resets_at: datetime = instant(primary_key=True)
    sent: int = 0
