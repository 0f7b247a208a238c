"""Phone numbers and e-mail addresses are read as people write them, or refused with a sentence that helps."""

import random
from zoneinfo import ZoneInfo

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain import address
from core.errors import Invalid

NUMBER = "+12125550123"
AREA_CODES = [212, 312, 415, 305, 808, 907, 787, 876, 416, 604, 902, 340, 671]


@pytest.mark.parametrize(
    "text",
    [
        "+12125550123", "12125550123", "2125550123", "(212) 555-0123", "212-555-0123", "212.555.0123",
        "1 (212) 555 0123", "+1 212 555 0123", "  212 555 0123\n", "tel:+1-212-555-0123", "'+12125550123",
        '="2125550123"', "001 212 555 0123",
        "２１２５５５０１２３", "٢١٢٥٥٥٠١٢٣", "212–555–0123", "\u202a+1 (212) 555-0123\u202c", "212\u00a0555\u00a00123",
        "12125550123.0", "2125550123.00", "1.2125550123E+10", "2.125550123e+09", "1,2125550123E+10",
    ],
)  # fmt: skip
def test_a_number_is_read_in_every_common_notation(text: str) -> None:
    assert address.parse_phone(text) == NUMBER


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("020 7946 0123", "GB", "+442079460123"),
        ("00442079460123", "US", "+442079460123"),
        ("011 44 20 7946 0123", "US", "+442079460123"),
        ("+1 (212) 555-0123", "GB", NUMBER),
        ("55 1234 5678", "MX", "+525512345678"),
        ("416 555 0123", "ca", "+14165550123"),
    ],
)
def test_a_number_without_a_country_code_is_of_the_default_region(text: str, region: str, number: str) -> None:
    assert address.parse_phone(text, region=region) == number


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no phone number"),
        ("n/a", "isn't a phone number"),
        ("1.21256E+10", "digits were lost"),
        ("1.2125550123E+09", "digits were lost"),
        ("212-555-0123 x45", "extension"),
        ("212-555-0123 ext. 5", "extension"),
        ("+12125550123;ext=5", "extension"),
        ("1-800-FLOWERS", "letters"),
        ("212-555-0123 cell", "letters"),
        ("911", "too short"),
        ("55512", "too short"),
        ("5550123", "area code"),
        ("21255501234", "too many digits"),
        ("+1212555012345678901", "too many digits"),
        ("+999 1234 5678", "no such country code"),
        ("+1 555 555 0123", "no such number"),
        ("0125550123", "no such number"),
        ("+1 900 555 0123", "premium-rate"),
        ("212-555-0123 / 212-555-0124", "more than one"),
        ("212-555-0123, 312-555-0124", "more than one"),
        ("212-555-0123 or 312-555-0124", "more than one"),
        ("1" * 5000, "too long"),
    ],
)
def test_what_cannot_be_texted_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(Invalid, match=why) as refused:
        address.parse_phone(text)
    assert "0123" not in refused.value.sentence.replace("like +12125550123", "")


@given(st.sampled_from(AREA_CODES), st.integers(100, 199))
def test_every_fictional_number_is_taken_and_read_back(area: int, line: int) -> None:
    number = f"+1{area}5550{line}"
    assert address.parse_phone(number) == number
    assert address.parse_phone(f"({area}) 555-0{line}") == number


def test_the_fast_way_agrees_with_libphonenumber() -> None:
    chosen = random.Random(2026)
    for _ in range(20_000):
        digits = f"{chosen.randint(200, 999)}{chosen.randint(200, 999)}{chosen.randint(0, 9999):04}"
        number = phonenumbers.parse(digits, "US")
        slowly = phonenumbers.is_valid_number(number) and (
            phonenumbers.number_type(number) != phonenumbers.PhoneNumberType.PREMIUM_RATE
        )
        assert address._north_american(digits, "US") == (f"+1{digits}" if slowly else None)


@given(st.text(max_size=40) | st.text(st.sampled_from("0123456789+-(). xe,/"), max_size=24))
def test_any_text_becomes_a_number_or_a_sentence(text: str) -> None:
    try:
        number = address.parse_phone(text)
    except Invalid:
        return
    assert phonenumbers.is_valid_number(phonenumbers.parse(number))
    assert address.parse_phone(number) == number
    assert address.zones(number)


@pytest.mark.parametrize(
    ("text", "email"),
    [
        ("Ana.B+c@Example.ORG", "ana.b+c@example.org"),
        (" ana@example.org\n", "ana@example.org"),
        ("Ana <ana@example.org>", "ana@example.org"),
        ("mailto:ana@example.org", "ana@example.org"),
        ("ana@bücher.example", "ana@xn--bcher-kva.example"),
    ],
)
def test_an_e_mail_address_is_read(text: str, email: str) -> None:
    assert address.parse_email(text) == email


@pytest.mark.parametrize(
    "text",
    [
        "", "ana", "ana@", "@example.org", "ana@localhost", "a..b@example.org", ".a@example.org", "a b@example.org",
        "a@b@example.org", "a@exa_mple.org", "a@-example.org", "a@1.2.3.4", "a@example.org\nBcc: b@example.org",
        "a" * 65 + "@example.org", "a@" + "b." * 200 + "org", "a@example.org, b@example.org",
    ],
)  # fmt: skip
def test_what_is_no_e_mail_address_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        address.parse_email(text)


@given(st.emails(domains=st.sampled_from(["example.org", "mail.example.com"])))
def test_common_e_mail_addresses_are_read_and_read_back(text: str) -> None:
    email = address.parse_email(text)
    assert address.parse_email(email) == email == text.lower()


@pytest.mark.parametrize(
    ("whole", "masked"),
    [(NUMBER, "•••0123"), ("ana@example.org", "a•••@example.org"), ("12345", "•••"), ("", "•••")],
)
def test_an_address_is_masked(whole: str, masked: str) -> None:
    assert address.masked(whole) == masked


@pytest.mark.parametrize(
    ("number", "zones"),
    [
        ("+12125550123", ("America/New_York",)),
        ("+13125550123", ("America/Chicago",)),
        ("+18085550123", ("Pacific/Honolulu",)),
        ("+18765550123", ("America/Jamaica",)),
        ("+18005550123", ("America/Chicago", "America/Denver", "America/Los_Angeles", "America/New_York")),
        ("+442079460123", ("Europe/London",)),
        ("+80012345678", ("Etc/UTC",)),
    ],
)
def test_a_number_tells_its_time_zones(number: str, zones: tuple[str, ...]) -> None:
    assert address.zones(number) == zones


@pytest.mark.parametrize("area", AREA_CODES)
def test_zones_exist_and_do_not_depend_on_the_last_four_digits(area: int) -> None:
    found = {address.zones(f"+1{area}5550{line}") for line in (100, 150, 199)}
    assert len(found) == 1
    assert all(ZoneInfo(zone).key for zone in found.pop())


def test_a_number_tells_its_country_and_state() -> None:
    assert address.country(NUMBER) == "US"
    assert address.country("+18765550123") == "JM"
    assert address.country("+80012345678") is None
    assert address.state("+13055550123") == "FL"
    assert address.state("+14015550123") == "RI"
    assert address.state("+18005550123") is None
    assert address.state("+442079460123") is None
