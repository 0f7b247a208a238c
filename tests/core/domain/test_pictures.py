"""A picture tells what it shows and nothing besides; what is broken is refused, not passed on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.pictures import NotAPicture, bare
from tests.pictures import SECRET, chunk, exif, extension, gif, jpeg, png, riff, segment, webp

# What may be missing: some programs forget a GIF's last byte.
ENDS = {"jpg": b"", "png": b"", "gif": b";", "webp": b""}
LOOP = extension(0xFF, b"NETSCAPE2.0", b"\1\0\0")
FRAME = bytes(16) + riff(b"ALPH", b"a") + riff(b"VP8 ", b"abc")
PLAIN = {
    "jpg": jpeg(),
    "png": png(chunk(b"gAMA", bytes(4)), chunk(b"acTL", bytes(8))),
    "gif": gif(LOOP, extension(0xF9, bytes(4))),
    "webp": webp(riff(b"VP8X", b"\x12" + bytes(9)), riff(b"ANIM", bytes(6)), riff(b"ANMF", FRAME)),
}


@pytest.mark.parametrize("kind", PLAIN)
def test_what_tells_nothing_besides_stays_as_it_is(kind: str) -> None:
    assert bare(PLAIN[kind]) == (kind, PLAIN[kind])


@pytest.mark.parametrize(
    "told",
    [
        jpeg(first=exif()),
        jpeg(first=segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + SECRET)),
        jpeg(first=segment(0xED, b"Photoshop 3.0\0" + SECRET)),
        jpeg(first=segment(0xE2, b"MPF\0" + SECRET), after=jpeg(first=exif())),
        jpeg(first=segment(0xE0, b"JFXX\0" + SECRET)),
        jpeg(middle=segment(0xFE, SECRET)),
        jpeg(after=SECRET),
        png(chunk(b"eXIf", SECRET)),
        png(chunk(b"tEXt", b"where\0" + SECRET)),
        png(chunk(b"iTXt", SECRET), chunk(b"zTXt", SECRET), chunk(b"tIME", SECRET), chunk(b"prVt", SECRET)),
        png(after=SECRET),
        gif(extension(0xFE, SECRET)),
        gif(extension(0xFF, b"XMP DataXMP", SECRET), extension(0x01, SECRET)),
        gif(after=SECRET),
        webp(riff(b"VP8X", b"\x2c" + bytes(9)), riff(b"VP8 ", b"abc"), riff(b"EXIF", SECRET), riff(b"XMP ", SECRET)),
        webp(riff(b"VP8X", b"\x02" + bytes(9)), riff(b"ANMF", FRAME + riff(b"XYZ ", SECRET))),
        webp(after=SECRET),
    ],
)
def test_where_it_was_taken_and_what_was_written_into_it_goes(told: bytes) -> None:
    kind, left = bare(told)
    assert SECRET in told
    assert SECRET not in left
    assert bare(left) == (kind, left)


def test_a_webp_says_no_longer_that_it_has_what_was_taken_out() -> None:
    _, left = bare(webp(riff(b"VP8X", b"\x2c" + bytes(9)), riff(b"VP8 ", b"abc"), riff(b"EXIF", SECRET)))
    assert left == webp(riff(b"VP8X", b"\x20" + bytes(9)), riff(b"VP8 ", b"abc"))


@pytest.mark.parametrize("order", [">", "<"])
def test_a_photograph_keeps_which_way_is_up(order: str) -> None:
    _, left = bare(jpeg(first=exif(turned=6, order=order)))
    assert b"Exif\0\0MM" in left
    assert b"\x01\x12\0\3\0\0\0\1\0\6" in left
    assert bare(left) == ("jpg", left)


@pytest.mark.parametrize("cut", [b"", b"II", b"MM\0*\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff\x01\x12"])
def test_exif_that_cannot_be_read_turns_nothing(cut: bytes) -> None:
    assert bare(jpeg(first=segment(0xE1, b"Exif\0\0" + cut))) == ("jpg", jpeg())


def test_colours_stay_as_they_are() -> None:
    coloured = jpeg(first=segment(0xE2, b"ICC_PROFILE\0\1\1abc") + segment(0xEE, b"Adobe\0d"))
    assert bare(coloured) == ("jpg", coloured)


@pytest.mark.parametrize("kind", PLAIN)
def test_a_picture_that_was_cut_off_is_broken(kind: str) -> None:
    whole = PLAIN[kind]
    for size in range(3, len(whole) - len(ENDS[kind])):
        with pytest.raises(NotAPicture, match=r"broken|isn't"):
            bare(whole[:size])


@pytest.mark.parametrize(
    "broken",
    [
        png().replace(b"IHDR", b"tEXt"),
        png()[:8] + chunk(b"IEND", b""),
        b"\xff\xd8\xff\xe0" + bytes(9),
        b"\xff\xd8" + b"\xff" * 50,
        gif()[:13] + b"\x99;",
        gif()[:19] + b";",
        webp(riff(b"EXIF", SECRET)),
        webp(*([riff(b"ANMF", bytes(15))])),
        b"RIFF\xff\xff\xff\xffWEBPVP8 abc",
    ],
)
def test_what_is_broken_is_refused(broken: bytes) -> None:
    with pytest.raises(NotAPicture, match="broken"):
        bare(broken)


def test_frames_within_frames_end() -> None:
    inner = FRAME
    for _ in range(2_000):
        inner = bytes(16) + riff(b"ANMF", inner)
    _, left = bare(webp(riff(b"ANMF", inner)))
    assert len(left) < 100


@given(st.sampled_from(sorted(PLAIN)), st.data())
def test_no_bytes_do_harm(kind: str, data: st.DataObject) -> None:
    whole = bytearray(PLAIN[kind])
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        found, left = bare(bytes(whole))
    except NotAPicture:
        return
    assert bare(left) == (found, left)
