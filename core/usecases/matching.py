"""Which contact a row is: found by phone or e-mail among those there are, and filled in, row after row."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from core.domain import address
from core.domain.sheets import Entry
from core.errors import Invalid


@dataclass(slots=True)
class Known:
    """A contact while rows are merged into it. `before`: what the database has of it, None when it is new."""

    id: UUID
    phone: str | None = None
    email: str | None = None
    name: str = ""
    first_name: str = ""
    language: str = ""
    time_zone: str = ""
    zones: str = ""
    region: str = ""
    consent_source: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    before: tuple[object, ...] | None = None

    @property
    def values(self) -> tuple[object, ...]:
        """What may differ from the database."""
        return (
            self.phone,
            self.email,
            self.name,
            self.first_name,
            self.language,
            self.time_zone,
            self.zones,
            self.region,
            self.consent_source,
            self.attributes,
        )

    @property
    def is_new(self) -> bool:
        """Whether the database doesn't have it."""
        return self.before is None

    @property
    def is_changed(self) -> bool:
        """Whether the database has it otherwise: two rows may well change a name there and back."""
        return self.before is not None and self.before != self.values

    @property
    def gives_up_email(self) -> bool:
        """Whether it had another e-mail address, which is free for somebody else now."""
        return self.before is not None and self.before[1] not in (None, self.email)

    def fill(self, entry: Entry) -> None:
        """Take over what a row says; what it leaves empty stays."""
        self.phone = entry.phone or self.phone
        self.email = entry.email or self.email
        self.name = entry.name or self.name
        self.first_name = entry.first_name or self.first_name
        self.language = entry.language or self.language
        self.time_zone = entry.time_zone or self.time_zone
        self.zones = self.time_zone or entry.zones or self.zones
        self.region = entry.region or self.region
        self.consent_source = entry.consent_source or self.consent_source
        if entry.attributes:
            self.attributes = self.attributes | entry.attributes


class Pool:
    """The contacts that a batch of rows may be about, by both of their addresses."""

    def __init__(self, contacts: Iterable[Known]) -> None:
        """Start with those that the database has."""
        self._by_phone: dict[str, Known] = {}
        self._by_email: dict[str, Known] = {}
        for contact in contacts:
            self._index(contact)

    def merge(self, entry: Entry) -> Known:
        """Find or make the contact of a row, and fill it in.

        Raises:
            Invalid: the row's two addresses are two people's.
        """
        known = self._find(entry) or Known(uuid4())
        if known.email and entry.email and known.email != entry.email:
            del self._by_email[known.email]
        known.fill(entry)
        self._index(known)
        return known

    def _find(self, entry: Entry) -> Known | None:
        by_phone = self._by_phone.get(entry.phone) if entry.phone else None
        by_email = self._by_email.get(entry.email) if entry.email else None
        if by_phone and by_email and by_phone is not by_email:
            raise Invalid(
                "The phone number and the e-mail address in this row belong to two different contacts. "
                "Leave one of them out, or correct it."
            )
        if by_email and entry.phone and by_email.phone not in (None, entry.phone):
            # Housemates share an address, and numbers change: which of the two it is we can't know.
            raise Invalid(
                f"A contact with another number ({address.masked(by_email.phone or '')}) has this e-mail address. "
                "If they share it, leave it out here; if the number changed, erase the old one first."
            )
        return by_phone or by_email

    def _index(self, contact: Known) -> None:
        if contact.phone:
            self._by_phone[contact.phone] = contact
        if contact.email:
            self._by_email[contact.email] = contact
