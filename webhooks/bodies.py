"""Reads what is posted, and no more of it than a text or a receipt can take."""

from starlette.exceptions import HTTPException
from starlette.requests import Request

MOST_BYTES = 64 * 1024


async def read_body(request: Request, *, most: int = MOST_BYTES) -> bytes:
    """Read a request's body of at most so many bytes.

    Raises:
        HTTPException: 413 too large.
    """
    declared = request.headers.get("content-length", "0")
    if not declared.isdigit() or int(declared) > most:
        raise HTTPException(413, "The request is too large.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise HTTPException(413, "The request is too large.")
    return bytes(body)
