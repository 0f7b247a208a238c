"""Reads what is posted with which headers, and no more of it than a text or a receipt can take."""

from starlette.exceptions import HTTPException
from starlette.requests import Request

MOST_BYTES = 64 * 1024


def header(request: Request, name: bytes) -> str:
    """Return a header's value by its name in small letters, "" if there is none.

    Starlette's own look-up decodes all of them each time: three of those cost as much as a signature's check.
    """
    for key, value in request.scope["headers"]:
        if key == name:
            found: bytes = value
            return found.decode("latin-1")
    return ""


async def read_body(request: Request, *, most: int = MOST_BYTES) -> bytes:
    """Read a request's body of at most so many bytes.

    Raises:
        HTTPException: 413 too large.
    """
    declared = header(request, b"content-length") or "0"
    if not declared.isdigit() or int(declared) > most:
        raise HTTPException(413, "The request is too large.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise HTTPException(413, "The request is too large.")
    return bytes(body)
