"""Staff, who act in Slack; contacts, whom they reach; audiences, the pools that contacts belong to."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from core.models.columns import JSON, instant, words


class Role(StrEnum):
    """What a member of staff may do; each includes the one before."""

    ORGANIZER = "organizer"
    APPROVER = "approver"
    ADMIN = "admin"


class AudienceKind(StrEnum):
    """Community pools and event registrations never mix by accident."""

    COMMUNITY = "community"
    EVENT = "event"


class Staff(SQLModel, table=True):
    """A Slack user with a role here."""

    __tablename__ = "staff"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    slack_user_id: str = Field(unique=True, max_length=32)
    role: Role = Field(sa_type=words(Role, "role"))
    is_active: bool = True
    created_at: datetime = instant()


class Contact(SQLModel, table=True):
    """A person who can be reached by phone, e-mail or both.

    `zones`: IANA time zones in which the person may be, comma-separated: their own if known, else their number's.
    `region`: where their number was issued, as ISO 3166-2 says it ("US-FL"), empty where that isn't known.
    `attributes`: lower-case names to text, from extra CSV columns; usable as tokens.
    """

    __tablename__ = "contacts"
    __table_args__ = (sa.CheckConstraint("phone IS NOT NULL OR email IS NOT NULL", name="reachable"),)

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    phone: str | None = Field(default=None, unique=True, max_length=16)
    email: str | None = Field(default=None, unique=True, max_length=320)
    name: str = ""
    first_name: str = ""
    language: str = Field(default="", max_length=35)
    time_zone: str = Field(default="", max_length=64)
    zones: str = ""
    region: str = Field(default="", max_length=8)
    consent_source: str = ""
    attributes: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    created_at: datetime = instant()
    updated_at: datetime = instant()


class Audience(SQLModel, table=True):
    """A named pool of contacts; names are unique without regard to case."""

    __tablename__ = "audiences"
    __table_args__ = (sa.Index("uq_audiences_lower_name", sa.text("lower(name)"), unique=True),)

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    name: str = Field(max_length=75)
    kind: AudienceKind = Field(sa_type=words(AudienceKind, "kind"))
    created_at: datetime = instant()


class Membership(SQLModel, table=True):
    """That a contact belongs to an audience."""

    __tablename__ = "memberships"
    __table_args__ = (sa.Index("ix_memberships_contact_id", "contact_id"),)

    audience_id: UUID = Field(primary_key=True, foreign_key="audiences.id", ondelete="CASCADE")
    contact_id: UUID = Field(primary_key=True, foreign_key="contacts.id", ondelete="CASCADE")
    created_at: datetime = instant()
