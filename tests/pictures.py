"""Small pictures of each kind, and what cameras and people put into them besides."""

import struct
import zlib

SECRET = b"52.5200 N, 13.4050 E"


def segment(marker: int, said: bytes) -> bytes:
    """Return a segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, 2 + len(said)) + said


def exif(*, turned: int | None = None, order: str = ">") -> bytes:
    """Return a JPEG's EXIF: the maker, a place, and how to turn the picture."""
    tags = [(0x010F, 2, len(SECRET), 8)] + ([(0x0112, 3, 1, turned)] if turned else [])
    entries = b"".join(
        struct.pack(f"{order}HHIHH", tag, kind, count, value, 0)
        if kind == 3
        else struct.pack(f"{order}HHII", tag, kind, count, value)
        for tag, kind, count, value in tags
    )
    head = (b"MM" if order == ">" else b"II") + struct.pack(f"{order}HIH", 42, 8, len(tags))
    return segment(0xE1, b"Exif\0\0" + head + entries + bytes(4) + SECRET)


def jpeg(*, first: bytes = b"", middle: bytes = b"", after: bytes = b"") -> bytes:
    """Return a JPEG with what is given before its tables, between its two scans, and after its end."""
    jfif, tables = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"), segment(0xDB, bytes(65))
    scan = segment(0xDA, b"\1\1\0\0\x3f\0") + b"\x12\xff\x00\x34\xff\xd0\x56"
    return b"\xff\xd8" + jfif + first + tables + scan + middle + scan + b"\xff\xd9" + after


def chunk(name: bytes, said: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(said)) + name + said + struct.pack(">I", zlib.crc32(name + said))


def png(*more: bytes, after: bytes = b"") -> bytes:
    """Return a PNG with one pixel, and more chunks before its pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0\x7f"))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + pixels + chunk(b"IEND", b"") + after


def extension(label: int, *blocks: bytes) -> bytes:
    """Return an extension of a GIF."""
    return bytes([0x21, label]) + b"".join(bytes([len(each)]) + each for each in blocks) + b"\0"


def gif(*more: bytes, after: bytes = b"") -> bytes:
    """Return a GIF with one pixel, and more before it."""
    head = b"GIF89a\1\0\1\0\x80\0\0" + b"\0\0\0\xff\xff\xff"
    pixel = b"\x2c\0\0\0\0\1\0\1\0\0" + b"\x02\x02\x4c\x01\x00"
    return head + b"".join(more) + pixel + b";" + after


def riff(name: bytes, said: bytes) -> bytes:
    """Return a chunk of a WebP."""
    return name + struct.pack("<I", len(said)) + said + b"\0" * (len(said) % 2)


def webp(*chunks: bytes, after: bytes = b"") -> bytes:
    """Return a WebP of these chunks; by default of nothing but pixels."""
    body = b"WEBP" + b"".join(chunks or (riff(b"VP8 ", b"abc"),))
    return b"RIFF" + struct.pack("<I", len(body)) + body + after
