"""Pictures without what they tell besides: where, when and with what they were taken, and what was written into them.

They are taken apart and put together again, never decoded: what a viewer needs is kept, everything else goes, also what
follows a picture's end. Source: ITU-T T.81 (JPEG), the PNG specification (W3C), GIF89a, RFC 9649 (WebP), TIFF 6.0.
"""

import re
import struct
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

_STARTS = {"jpg": (b"\xff\xd8\xff",), "png": (b"\x89PNG\r\n\x1a\n",), "gif": (b"GIF87a", b"GIF89a")}
# In JPEG's stream of pixels 0xFF is followed by 0, or by a restart's mark; by anything else where a segment begins.
_SEGMENT = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_SOS, _APP0, _APP1, _APP2, _APP14, _APP15, _COM = 0xDA, 0xE0, 0xE1, 0xE2, 0xEE, 0xEF, 0xFE
_ORIENTATION = 0x0112
_MOST_TAGS = 200
# Colours, transparency, size and movement; all other chunks are words, times or EXIF, or nobody knows what.
_PNG_KEPT = frozenset(
    {
        *(b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"sBIT", b"bKGD"),
        *(b"hIST", b"pHYs", b"acTL", b"fcTL", b"fdAT"),
    }
)
_WEBP_KEPT = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"})
_WEBP_PIXELS = frozenset({b"VP8 ", b"VP8L", b"ANMF"})
_WEBP_FRAMES = frozenset({b"VP8 ", b"VP8L", b"ALPH"})
_WEBP_TELLS = 0x08 | 0x04  # the flags for EXIF and XMP
_ANMF_HEAD = 16
_GIF_IMAGE, _GIF_EXTENSION, _GIF_END, _GIF_CONTROL, _GIF_APPLICATION = 0x2C, 0x21, 0x3B, 0xF9, 0xFF
_GIF_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")


class NotAPicture(ValueError):
    """The bytes are no picture of a kind that we know; the message says why, for staff."""


def bare(content: bytes) -> tuple[str, bytes]:
    """Return what kind of picture this is (jpg, png, gif or webp), and the picture without what it tells besides.

    Raises:
        NotAPicture: it is none, or it is broken.
    """
    kind = _kind(content)
    try:
        return kind, _BARE[kind](content)
    except (IndexError, struct.error):
        raise NotAPicture("the picture is broken or incomplete") from None


def _kind(content: bytes) -> str:
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "webp"
    for kind, starts in _STARTS.items():
        if content.startswith(starts):
            return kind
    raise NotAPicture("it isn't a JPEG, PNG, GIF or WebP picture")


def _jpeg(content: bytes) -> bytes:
    """Keep the segments that decoding needs, colours, and which way is up."""
    segments = list(_segments(content))
    turned = next(filter(None, (_turned(segment[4:]) for marker, segment in segments if marker == _APP1)), b"")
    kept = (segment for marker, segment in segments if _is_needed(marker, segment[4:]))
    return b"".join([content[:2], turned, *kept, b"\xff\xd9"])


def _segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Give the segments up to the end as (marker, bytes), those of pixels with their pixels."""
    at = 2
    while content[at : at + 2] != b"\xff\xd9":
        marker = content[at + 1]
        if content[at] != 0xFF:
            raise IndexError
        if marker == 0xFF:  # any number of these may stand before a marker
            at += 1
            continue
        end = at + 2 + _number(content, at + 2, ">H")
        if marker == _SOS:
            found = _SEGMENT.search(content, end)
            end = found.start() if found else len(content) + 1
        yield marker, _span(content, at, end)
        at = end


def _is_needed(marker: int, said: bytes) -> bool:
    if marker == _APP0:
        return said.startswith(b"JFIF\0")
    if marker == _APP2:
        return said.startswith(b"ICC_PROFILE\0")
    return marker != _COM and not (_APP0 < marker <= _APP15 and marker != _APP14)


def _turned(exif: bytes) -> bytes:
    """Return a segment that says only how a picture is to be turned, nothing if EXIF doesn't, or can't be read."""
    if not exif.startswith(b"Exif\0\0") or exif[6:8] not in (b"II", b"MM"):
        return b""
    tiff, order = exif[6:], "<" if exif[6:8] == b"II" else ">"
    try:
        first = _number(tiff, 4, f"{order}I")
        for at in range(first + 2, first + 2 + 12 * min(_number(tiff, first, f"{order}H"), _MOST_TAGS), 12):
            way = _number(tiff, at + 8, f"{order}H")
            if _number(tiff, at, f"{order}H") == _ORIENTATION and 1 < way <= 8:
                said = struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, _ORIENTATION, 3, 1, way, 0, 0)
                return struct.pack(">BBH6s", 0xFF, _APP1, 8 + len(said), b"Exif\0\0") + said
    except (IndexError, struct.error):
        pass
    return b""


def _png(content: bytes) -> bytes:
    kept, at, name = [content[:8]], 8, b""
    while name != b"IEND":
        end = at + 12 + _number(content, at, ">I")
        chunk = _span(content, at, end)
        name = chunk[4:8]
        if (at == 8) != (name == b"IHDR"):
            raise IndexError
        kept += [chunk] if name in _PNG_KEPT else []
        at = end
    return b"".join(kept)


def _gif(content: bytes) -> bytes:
    at = 13 + _colours(content[10])
    kept, images = [_span(content, 0, at)], 0
    while at < len(content) and content[at] != _GIF_END:  # which some programs forget
        if content[at] == _GIF_IMAGE:
            end = _blocks_end(content, at + 11 + _colours(content[at + 9]))
            kept.append(content[at:end])
            images += 1
        elif content[at] == _GIF_EXTENSION:
            end = _blocks_end(content, at + 2)
            is_loop = content[at + 1] == _GIF_APPLICATION and content[at + 3 : at + 14] in _GIF_LOOPS
            kept += [content[at:end]] if is_loop or content[at + 1] == _GIF_CONTROL else []
        else:
            raise IndexError
        at = end
    if not images:
        raise IndexError
    return b"".join([*kept, b";"])


def _colours(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _blocks_end(content: bytes, at: int) -> int:
    while content[at]:
        at += content[at] + 1
    return at + 1


def _webp(content: bytes) -> bytes:
    size = _number(content, 4, "<I")
    kept = list(_webp_chunks(_span(content, 12, 8 + size), _WEBP_KEPT))
    if not any(chunk[:4] in _WEBP_PIXELS for chunk in kept):
        raise IndexError
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _webp_chunks(content: bytes, wanted: frozenset[bytes]) -> Iterator[bytes]:
    at = 0
    while at < len(content):
        name, length = content[at : at + 4], _number(content, at + 4, "<I")
        said = content[at + 8 : at + 8 + length]
        if len(said) < length:
            raise IndexError
        at += 8 + length + length % 2
        if name not in wanted:
            continue
        if name == b"VP8X":
            said = bytes([said[0] & ~_WEBP_TELLS]) + said[1:]
        elif name == b"ANMF":
            said = _span(said, 0, _ANMF_HEAD) + b"".join(_webp_chunks(said[_ANMF_HEAD:], _WEBP_FRAMES))
        yield name + struct.pack("<I", len(said)) + said + b"\0" * (len(said) % 2)


def _number(content: bytes, at: int, form: str) -> int:
    found: int = struct.unpack_from(form, content, at)[0]
    return found


def _span(content: bytes, start: int, end: int) -> bytes:
    """Return these bytes, all of which must be there, and at least one."""
    if not start < end <= len(content):
        raise IndexError
    return content[start:end]


_BARE: Mapping[str, Callable[[bytes], bytes]] = MappingProxyType(
    {"jpg": _jpeg, "png": _png, "gif": _gif, "webp": _webp}
)
