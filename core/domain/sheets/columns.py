"""What a table's columns mean, by the names that people and their programs give them."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.domain import tokens
from core.errors import Invalid

_MOST_COLUMNS = 100
_LONGEST_NAME = 500  # characters that are looked at: a form's whole question may stand there, but no more


class Purpose(StrEnum):
    """What a column is for; every other column is an attribute."""

    PHONE = "phone"
    EMAIL = "email"
    NAME = "name"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    LANGUAGE = "language"
    TIME_ZONE = "time_zone"
    CONSENT = "consent"
    ERROR = "error"


# The best first: where there are several columns for one purpose, a row's first that isn't empty counts.
_NAMES: dict[Purpose, str] = {
    Purpose.PHONE: """
        mobilephone mobilephonenumber mobile mobilenumber mobileno mobilenr mobile1 cellphone cellphonenumber cell
        cellnumber cellno cellular cell1 phonemobile phonecell smsphone smsnumber sms textnumber textphone msisdn
        handy handynummer handynr mobiltelefon mobilnummer mobil mobiel celular telefonocelular numerocelular movil
        telefonomovil portable telephoneportable telemovel cellulare gsm natel
        primaryphone preferredphone phoneprimary phone phonenumber phoneno phonenr phonenum phone1 phonenumber1
        phone1value phonee164 e164 contactnumber contactphone
        telephone telephonenumber telephoneno telephone1 tel telno telnr telnumber tel1 telefon telefonnummer telefonnr
        telefon1 telefono numerodetelefono numerotelefono telefone telefoon telefoonnummer numerodetelephone fon
        whatsapp whatsappnumber number numero nummer
        daytimephone eveningphone phonehome homephone homephonenumber hometel workphone businessphone phonework
        phone2 phonenumber2 mobile2""",
    Purpose.EMAIL: """
        email emailaddress emailaddresses mail mailaddress emailadresse mailadresse primaryemail emailprimary email1
        email1value emailid correo correoelectronico courriel adresseemail preferredemail personalemail
        homeemail workemail""",
    Purpose.NAME: """
        fullname name membername contactname displayname nameofmember completename nombrecompleto nomcomplet
        vollername nomecompleto""",
    Purpose.FIRST_NAME: "firstname first fname givenname given forename vorname nombre prenom nome voornaam",
    Purpose.LAST_NAME: """
        lastname last lname surname familyname family nachname familienname apellido apellidos nom nomdefamille
        cognome achternaam sobrenome""",
    Purpose.LANGUAGE: "language lang preferredlanguage languagepreference sprache idioma langue lingua locale taal",
    Purpose.TIME_ZONE: "timezone tz zeitzone zonahoraria fuseauhoraire",
    Purpose.CONSENT: """
        consent consentsource optin optinsource smsoptin smsconsent textoptin textconsent textingoptin
        textmessageoptin phoneoptin""",
    Purpose.ERROR: "error",
}
_RANKS = {name: (purpose, rank) for purpose, names in _NAMES.items() for rank, name in enumerate(names.split())}
# Words of longer names ("What is your cell phone?"), and words that make such a column something else.
_PHONE_WORDS = "phone mobile cell cellphone telephone telefon telefono tel handy celular movil"
_EMAIL_WORDS = "email mail correo courriel"
_OTHER_WORDS = """
    type extension ext ok optin opt out consent carrier provider label country code status id notes note verified valid
    date time source fax emergency permission allowed bad bounced do not dnc count company city address1 list preference
    preferred subscribed unsubscribed"""
_PHONES, _EMAILS, _OTHERS = (frozenset(words.split()) for words in (_PHONE_WORDS, _EMAIL_WORDS, _OTHER_WORDS))
_GUESSED = 1000


@dataclass(frozen=True, slots=True)
class Columns:
    """A header, understood: for each purpose the positions of its columns, best first.

    `attributes` are pairs of a position and the key under which its values are kept.
    """

    header: tuple[str, ...]
    positions: dict[Purpose, tuple[int, ...]]
    attributes: tuple[tuple[int, str], ...]

    @property
    def has_address(self) -> bool:
        """Whether it says how to reach people."""
        return bool(self.positions.get(Purpose.PHONE) or self.positions.get(Purpose.EMAIL))


def understand(header: Sequence[str]) -> Columns:
    """Find out what each column is for."""
    ranked: dict[Purpose, list[tuple[int, int]]] = {}
    attributes: list[tuple[int, str]] = []
    for position, name in enumerate(header):
        purpose, rank = _meaning(name)
        if purpose is None:
            attributes.append((position, _key(name, position)))
        else:
            ranked.setdefault(purpose, []).append((rank, position))
    positions = {purpose: tuple(position for _, position in sorted(found)) for purpose, found in ranked.items()}
    # A second number isn't texted, but it is kept.
    attributes += [(position, _key(header[position], position)) for position in positions.get(Purpose.PHONE, ())[1:]]
    return Columns(tuple(header), positions, _distinct(sorted(attributes)))


def known_names(header: Sequence[str]) -> int:
    """Count the names that are known as they stand: a header taken apart wrongly has few of them."""
    return sum("".join(_plain(name[:_LONGEST_NAME])) in _RANKS for name in header[:_MOST_COLUMNS])


def require_reasonable(header: Sequence[str]) -> None:
    """Refuse a table with more columns than a list of people has, before any time is spent on them.

    Raises:
        Invalid: says how many there are.
    """
    if len(header) > _MOST_COLUMNS:
        raise Invalid(
            f"This file has {len(header)} columns, and at most {_MOST_COLUMNS} can be taken. "
            "Delete those that you don't need."
        )


def _meaning(name: str) -> tuple[Purpose | None, int]:
    name = name[:_LONGEST_NAME]
    plain = _plain(name)
    # What stands in brackets ("with country code") explains the name, unless it is a part of it ("Phone (home)").
    exact = _RANKS.get("".join(plain)) or _RANKS.get("".join(_plain(re.sub(r"\(.*?\)", "", name))))
    if exact:
        return exact
    words = frozenset(plain)
    if words & _OTHERS:
        return None, 0
    if words & _EMAILS or {"e", "mail"} <= words:
        return Purpose.EMAIL, _GUESSED
    return (Purpose.PHONE, _GUESSED) if words & _PHONES else (None, 0)


def _plain(name: str) -> list[str]:
    """Take a name apart into plain words: no case, accents, signs or byte order mark; "MobilePhone" is two."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", unicodedata.normalize("NFKD", name))
    return re.findall(r"[^\W_]+", "".join(char for char in apart if not unicodedata.combining(char)).lower())


def _key(name: str, position: int) -> str:
    """Return a column's name in the form in which it can be typed as a token."""
    typed = tokens.normal(re.sub(r"[^\w\s-]+", " ", name)).strip("_")[:64]
    return typed or f"column_{position + 1}"


def _distinct(attributes: Sequence[tuple[int, str]]) -> tuple[tuple[int, str], ...]:
    seen: dict[str, int] = {}
    kept: list[tuple[int, str]] = []
    for position, key in attributes:
        seen[key] = seen.get(key, 0) + 1
        kept.append((position, key if seen[key] == 1 else f"{key}_{seen[key]}"))
    return tuple(kept)
