"""Where a message goes: reading phone numbers and e-mail addresses as people write them, and what a number tells."""

import re
import unicodedata
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberType, ValidationResult
from phonenumbers.timezone import time_zones_for_geographical_number

from core.domain import tables
from core.domain.hours import MAINLAND
from core.errors import Invalid

LONGEST = 320  # characters that an address of any kind may have

# Where most numbers come from has its own fast way: libphonenumber takes 30–70 µs for each.
_NANP = re.compile(r"(?:\+?1[ .-]?)?\(?([2-9][0-9]{2})\)?[ .-]?([2-9][0-9]{2})[ .-]?([0-9]{4})").fullmatch
_SCIENTIFIC = re.compile(r"\+?([0-9])(?:[.,]([0-9]+))?e\+?([0-9]{1,2})", re.IGNORECASE).fullmatch
_WHOLE_FLOAT = re.compile(r"(\+?[0-9]{7,15})[.,]0{1,2}").fullmatch
# Bounded, since a cell full of "and" would have to be looked at in all combinations.
_SEVERAL = re.compile(r"[0-9][^/;|,\n]{5,40}?(?:[/;|,\n]|\bor\b|\band\b)[^/;|,\n]{0,40}?[0-9]{3}")
_E_MAIL = re.compile(r"([\w!#$%&'*+/=?^`{|}~.-]{1,64})@([^\s@]+)", re.ASCII).fullmatch
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?").fullmatch
_STATES = {code: state for state, codes in tables.load("area_codes").items() for code in codes.split()}

_SENTENCES = {
    ValidationResult.TOO_SHORT: "This number is too short. Write all of it, with its area code (not a short code).",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "This number lacks its area code. Write all of it.",
    ValidationResult.TOO_LONG: "This number has too many digits. Check it for a typing error.",
    ValidationResult.INVALID_COUNTRY_CODE: "There is no such country code. Check the digits after the +.",
    ValidationResult.INVALID_LENGTH: "This number has too many or too few digits. Check it for a typing error.",
}


def parse_phone(text: str, *, region: str = "US") -> str:
    """Read a phone number in any common notation into E.164; a number without a country code is `region`'s.

    Raises:
        Invalid: it can't be texted; the sentence says why, and never repeats the number.
    """
    if plain := _north_american(text, region):
        return plain
    tidy = _tidy(text)
    if plain := _north_american(tidy, region):
        return plain
    return phonenumbers.format_number(_require_textable(tidy, region), phonenumbers.PhoneNumberFormat.E164)


def parse_email(text: str) -> str:
    """Read an e-mail address, alone or as `Name <address>`, into lower case with an ASCII domain.

    Raises:
        Invalid: mail can't be sent there; the sentence says why.
    """
    tidy = _without_marks(text[: LONGEST + 1]).strip()
    if tidy.endswith(">") and "<" in tidy:
        tidy = tidy[tidy.rindex("<") + 1 : -1].strip()
    found = _E_MAIL(tidy.removeprefix("mailto:"))
    if not found:
        raise Invalid("This isn't an e-mail address. It should look like name@example.org.")
    local, domain = found[1].lower(), _ascii_domain(found[2])
    if local.startswith(".") or local.endswith(".") or ".." in local or len(local) + len(domain) > 253:
        raise Invalid("This e-mail address has a part that no mail server accepts. Check it for a typing error.")
    return f"{local}@{domain}"


def masked(address: str) -> str:
    """Hide an address from logs and channels: its last four digits, or the first letter and the domain."""
    name, at, domain = address.rpartition("@")
    if at:
        return f"{name[:1]}•••@{domain}"
    return f"•••{address[-4:]}" if len(address) > 7 else "•••"


def zones(phone: str) -> tuple[str, ...]:
    """Name the IANA time zones that a number (E.164) may lie in; never none."""
    # libphonenumber knows North American zones by area code and exchange, six digits after +1.
    return _zones(phone[:8] + "0123" if phone.startswith("+1") else phone)


def country(phone: str) -> str | None:
    """Name the country of a number (E.164) as ISO 3166 does ("US"), if it belongs to one."""
    return _country(phone[:8] + "0123" if phone.startswith("+1") else phone)


def state(phone: str) -> str | None:
    """Name the US state of a number's (E.164) area code ("FL"): where it was issued, not where its owner is today."""
    return _STATES.get(phone[2:5]) if phone.startswith("+1") else None


def region(phone: str) -> str:
    """Name the state of a number (E.164) as ISO 3166-2 does ("US-FL"); empty where none is known."""
    found = state(phone)
    return f"US-{found}" if found else ""


def _north_american(text: str, region: str) -> str | None:
    found = _NANP(text)
    if found and (text[0] == "+" or _is_nanp(region)) and _exchange_exists(found[1], found[2]):
        return f"+1{found[1]}{found[2]}{found[3]}"
    return None


def _tidy(text: str) -> str:
    """Undo what spreadsheets and copying do to a number."""
    if len(text) > LONGEST:
        raise Invalid("This is too long for a phone number. Keep the number alone.")
    tidy = unicodedata.normalize("NFKC", _without_marks(text)).strip().strip("'\"=")
    tidy = re.sub(r"[\u2010-\u2015\u2212]", "-", tidy).removeprefix("tel:").strip()
    if not tidy:
        raise Invalid("There is no phone number here.")
    if whole := _WHOLE_FLOAT(tidy):
        return whole[1]
    if shortened := _SCIENTIFIC(tidy):
        return _expand(shortened[1] + (shortened[2] or ""), int(shortened[3]))
    return "+" + tidy[2:] if tidy.startswith("00") else tidy


def _expand(digits: str, exponent: int) -> str:
    """Write out a number that a spreadsheet shortened, if it kept every digit."""
    if len(digits) <= exponent or digits[exponent + 1 :].strip("0"):
        raise Invalid(
            "A spreadsheet has shortened this number, and digits were lost. "
            "Format the column as text, enter the number again, and export once more."
        )
    return digits[: exponent + 1]


def _require_textable(text: str, region: str) -> PhoneNumber:
    if _SEVERAL.search(text):
        raise Invalid("There is more than one number here. Keep one.")
    try:
        number = phonenumbers.parse(text, region.upper())
    except phonenumbers.NumberParseException as failure:
        raise Invalid(_unread(failure)) from None
    if number.extension:
        raise Invalid("This number has an extension, and texts can't reach extensions. Give a mobile number.")
    if any(char.isalpha() for char in text):
        raise Invalid("There are letters in this number. Write digits only.")
    possible = phonenumbers.is_possible_number_with_reason(number)
    if possible != ValidationResult.IS_POSSIBLE:
        raise Invalid(_SENTENCES[possible])
    if not phonenumbers.is_valid_number(number):
        raise Invalid("There is no such number: its area code or exchange doesn't exist. Check it for a typing error.")
    if phonenumbers.number_type(number) == PhoneNumberType.PREMIUM_RATE:
        raise Invalid("This is a premium-rate number, which costs whoever texts it. Give a mobile number.")
    return number


def _unread(failure: phonenumbers.NumberParseException) -> str:
    if failure.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE:
        return _SENTENCES[ValidationResult.INVALID_COUNTRY_CODE]
    if failure.error_type == phonenumbers.NumberParseException.TOO_LONG:
        return _SENTENCES[ValidationResult.TOO_LONG]
    if failure.error_type == phonenumbers.NumberParseException.NOT_A_NUMBER:
        return "This isn't a phone number. Write it with its area code, like +12125550123."
    return _SENTENCES[ValidationResult.TOO_SHORT]


@lru_cache(maxsize=32)
def _is_nanp(region: str) -> bool:
    return phonenumbers.country_code_for_region(region.upper()) == 1


@lru_cache(maxsize=65536)
def _exchange_exists(area: str, exchange: str) -> bool:
    """Ask libphonenumber once for each area code and exchange: no North American rule looks at the last four digits."""
    number = PhoneNumber(country_code=1, national_number=int(f"{area}{exchange}0123"))
    return phonenumbers.is_valid_number(number) and phonenumbers.number_type(number) != PhoneNumberType.PREMIUM_RATE


@lru_cache(maxsize=65536)
def _zones(phone: str) -> tuple[str, ...]:
    found: tuple[str, ...] = time_zones_for_geographical_number(phonenumbers.parse(phone))
    if phone.startswith("+1") and len(found) > len(MAINLAND):
        return MAINLAND  # a toll-free number doesn't say where its owner is
    return ("Etc/UTC",) if found == ("Etc/Unknown",) else found


@lru_cache(maxsize=65536)
def _country(phone: str) -> str | None:
    code = phonenumbers.region_code_for_number(phonenumbers.parse(phone))
    return code if code and code.isalpha() else None


@lru_cache(maxsize=4096)
def _ascii_domain(domain: str) -> str:
    try:
        ascii_domain = domain.lower().encode("idna").decode("ascii")
    except UnicodeError:
        ascii_domain = ""
    labels = ascii_domain.split(".")
    if len(labels) < 2 or not all(map(_LABEL, labels)) or labels[-1].isdigit():
        raise Invalid("What follows the @ isn't a domain that mail can be sent to. Check it for a typing error.")
    return ascii_domain


def _without_marks(text: str) -> str:
    """Drop what can't be seen: phones copy numbers with marks of writing direction around them."""
    return text if text.isascii() else "".join(char for char in text if unicodedata.category(char) != "Cf")
