"""Segments are counted as Twilio counts them, and a dear text can be made cheap."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain import message
from core.errors import Invalid

# The alphabet of 3GPP TS 23.038 in the order of its codes, 0x00 to 0x7F without ESC, typed apart from the product's.
STANDARD = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
ESCAPED = "\f^{}\\[~]|€"
GRAPHEMES = ("’", "é", "á", "中", "😀", "✊🏽", "🇺🇸", "👩‍👩‍👧‍👦", "❤️", "1️⃣", "e\u0301", "n\u0303", "🏴󠁧󠁢󠁥󠁮󠁧󠁿")

plain = st.sampled_from(STANDARD.replace("\r", ""))  # CR LF is one grapheme to some: it has its own test
gsm_texts = st.lists(plain | st.sampled_from(ESCAPED), max_size=700)
near_a_limit = st.integers(150, 162).map(lambda n: ["a"] * n)
any_texts = st.lists(st.sampled_from(GRAPHEMES) | plain, max_size=300)


def bits_oracle(graphemes: list[str]) -> tuple[str, int, int]:
    """Fill parts of 1,120 bits one grapheme at a time, as slowly as the standard tells it; 48 bits go to a header."""
    gsm = all(each in STANDARD or each in ESCAPED for each in graphemes)
    sizes = [(14 if each in ESCAPED else 7) if gsm else 8 * len(each.encode("utf-16-be")) for each in graphemes]
    units = sum(sizes) // (7 if gsm else 16)
    if sum(sizes) <= 1120:
        return ("GSM-7" if gsm else "UCS-2", 1, units)
    parts: list[list[int]] = [[]]
    for size in sizes:
        if sum(parts[-1]) + size > 1120 - 48:
            parts.append([])
        parts[-1].append(size)
    return ("GSM-7" if gsm else "UCS-2", len(parts), units)


@settings(deadline=None)
@given(gsm_texts | st.tuples(near_a_limit, gsm_texts).map(lambda both: both[0] + both[1]) | any_texts)
def test_a_text_is_counted_as_by_filling_parts_bit_by_bit(graphemes: list[str]) -> None:
    measured = message.measure("".join(graphemes))
    assert (measured.encoding, measured.segments, measured.units) == bits_oracle(graphemes)


@settings(deadline=None)
@given(any_texts)
def test_the_culprits_are_the_characters_that_the_alphabet_lacks(graphemes: list[str]) -> None:
    expected = tuple(dict.fromkeys(each for each in graphemes if each not in STANDARD + ESCAPED))
    assert message.measure("".join(graphemes)).culprits == expected


def test_the_alphabet_is_the_standards() -> None:
    assert sorted(message.BASIC) == sorted(STANDARD)
    assert len(set(message.BASIC)) == 127
    assert sorted(message.EXTENSION) == sorted(ESCAPED)


@pytest.mark.parametrize(
    ("text", "encoding", "segments", "units"),
    [
        ("", "GSM-7", 1, 0),
        ("a" * 160, "GSM-7", 1, 160),
        ("a" * 161, "GSM-7", 2, 161),
        ("a" * 306, "GSM-7", 2, 306),
        ("a" * 307, "GSM-7", 3, 307),
        ("€" * 80, "GSM-7", 1, 160),
        ("€" * 81, "GSM-7", 2, 162),
        ("a" * 152 + "€" + "a" * 152, "GSM-7", 3, 306),
        ("a" * 153 + "€" + "a" * 151, "GSM-7", 2, 306),
        ("Ç é à ñ", "GSM-7", 1, 7),
        ("ç", "UCS-2", 1, 1),
        ("`", "UCS-2", 1, 1),
        ("中" * 70, "UCS-2", 1, 70),
        ("中" * 71, "UCS-2", 2, 71),
        ("中" * 134, "UCS-2", 2, 134),
        ("a" * 66 + "😀" + "a" * 10, "UCS-2", 2, 78),
        ("a" * 66 + "😀" + "a" * 66, "UCS-2", 3, 134),
        ("a" * 60 + "👩‍👩‍👧‍👦" + "a" * 60, "UCS-2", 3, 131),
        ("中" * 66 + "\r\n" + "中" * 66, "UCS-2", 2, 134),
        ("a" * 150 + "\r\n" + "a" * 8, "GSM-7", 1, 160),
    ],
)  # fmt: skip
def test_texts_are_counted_as_the_provider_counts_them(text: str, encoding: str, segments: int, units: int) -> None:
    assert message.measure(text)[:3] == (encoding, segments, units)


def test_a_grapheme_longer_than_a_part_is_split_rather_than_counted_as_one() -> None:
    assert message.measure("a" + "\u0301" * 200).segments == 3


@given(st.text(max_size=400))
def test_smart_encoding_has_nothing_left_to_replace(text: str) -> None:
    smarter = message.smart(text)
    assert message.smart(smarter) == smarter
    assert "“" not in smarter


def test_smart_encoding_follows_twilios_table() -> None:
    assert message.smart("“Hi” – it’s ½ off…\u200b «now»") == '"Hi" - it\'s 1/2 off... "now"'


@given(st.text(max_size=400) | any_texts.map("".join))
@settings(deadline=None)
def test_a_fix_brings_a_text_to_gsm_or_leaves_it_alone(text: str) -> None:
    fixed = message.fix(text)
    assert fixed == text or message.measure(fixed).encoding == "GSM-7"


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("Rally at 6 ✊🏽 – bring “friends”", 'Rally at 6 - bring "friends"'),
        ("😀 Hi 😀😀 there", "Hi there"),
        ("El niño va a la reunión, ¿sí?", "El niño va a la reunion, ¿si?"),
        ("an\u0303o nuevo", "año nuevo"),
        ("ça va", "ca va"),
        ("Łódź\u00a0now", "Lodz now"),
        ("Привет 😀", "Привет 😀"),
        ("{first_name|friend}, it’s on", "{first_name|friend}, it's on"),
    ],
)
def test_a_fix_keeps_what_a_text_says(text: str, fixed: str) -> None:
    assert message.fix(text) == fixed


@pytest.mark.parametrize(
    ("culprit", "name"),
    [
        ("’", "’ (right single quotation mark)"),
        ("✊🏽", "✊🏽 (raised fist)"),
        ("\u00a0", "no-break space"),
        ("n\u0303", "n\u0303 (latin small letter n with tilde)"),
        ("\ue000", "U+E000"),
    ],
)
def test_a_culprit_is_named_for_people(culprit: str, name: str) -> None:
    assert message.name(culprit) == name


@given(st.text(alphabet=st.characters(), min_size=1, max_size=5))
def test_whatever_is_a_culprit_has_a_name(text: str) -> None:
    assert all(map(message.name, message.measure(text).culprits))


@pytest.mark.parametrize("text", ["", " \n ", "a" * 481, "€" * 481, "😀" * 241, "a\0b", "half \ud83d"])
def test_a_text_that_is_empty_broken_or_too_long_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        message.require_sendable(text)


def test_a_text_as_long_as_allowed_is_taken_and_a_higher_limit_never_passes_twilios() -> None:
    message.require_sendable("a" * 480)
    message.require_sendable("a" * 1600, limit=5000)
    with pytest.raises(Invalid, match="1 more than the 1,600"):
        message.require_sendable("a" * 1601, limit=5000)
