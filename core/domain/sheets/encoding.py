"""How a file's bytes are to be read: most exports don't say."""

import codecs
from typing import BinaryIO

from core.errors import Invalid

EMPTY = "This file is empty. Export it again, with a row of column names and a row for each person."

_CHUNK = 1 << 18
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAVE_AS = "Open it in the program that it comes from, save it as “CSV UTF-8”, and import that."
_NOT_TEXT = (
    (b"PK\x03\x04", f"This is an Excel or OpenDocument workbook, whatever its name says, not a CSV file. {_SAVE_AS}"),
    (b"\xd0\xcf\x11\xe0", f"This is an old Excel workbook, whatever its name says, not a CSV file. {_SAVE_AS}"),
    (b"%PDF", f"This is a PDF, not a CSV file. {_SAVE_AS}"),
    (b"\x1f\x8b", "This file is compressed. Unpack it first, and import what is in it."),
    (b"{\\rtf", f"This is a formatted text document, not a CSV file. {_SAVE_AS}"),
)
_PAGE = (b"<!doctype", b"<html", b"<?xml", b"<table")
_ASCII = bytes(range(128))
# A file is UTF-8 with a few broken characters, rather than Windows text, when so many other bytes make whole ones.
_FOREIGN_PER_BROKEN = 20


def detect(stream: BinaryIO) -> str:
    """Name the encoding of a file; reads all of it, a piece at a time, and leaves it at its start.

    Raises:
        Invalid: it is empty, or something else than text.
    """
    stream.seek(0)
    head = stream.read(_CHUNK)
    _refuse_what_is_no_text(head)
    found = next((name for bom, name in _BOMS if head.startswith(bom)), None) or _wide(head) or _narrow(stream, head)
    stream.seek(0)
    return found


def _refuse_what_is_no_text(head: bytes) -> None:
    if not head.strip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"):
        raise Invalid(EMPTY)
    for signature, sentence in _NOT_TEXT:
        if head.startswith(signature):
            raise Invalid(sentence)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:20].lower().startswith(_PAGE):
        raise Invalid(f"This is a web page, not a CSV file. {_SAVE_AS}")


def _wide(head: bytes) -> str | None:
    """Recognise UTF-16 without its mark: every other byte of plain letters is zero."""
    pairs = len(head) // 2
    high, low = head[0 : pairs * 2 : 2].count(0), head[1 : pairs * 2 : 2].count(0)
    if low > pairs * 0.4 and high < pairs * 0.1:
        return "utf-16-le"
    return "utf-16-be" if high > pairs * 0.4 and low < pairs * 0.1 else None


def _narrow(stream: BinaryIO, head: bytes) -> str:
    """Tell UTF-8 from Windows' western code page, in which nearly all else is written."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    broken = foreign = 0
    piece = head
    while piece:
        broken += decoder.decode(piece).count("\ufffd")
        foreign += len(piece.translate(None, _ASCII))
        piece = stream.read(_CHUNK)
    broken += decoder.decode(b"", final=True).count("\ufffd")
    return "utf-8" if broken * _FOREIGN_PER_BROKEN <= foreign - broken else "cp1252"
