"""Reads what is posted, and no more of it than a text or a receipt can take."""

from starlette.exceptions import HTTPException
from starlette.requests import Request

_MOST_BYTES = 64 * 1024


async def read_body(request: Request) -> bytes:
    """Read a request's body.

    Raises:
        HTTPException: 413 too large.
    """
    declared = request.headers.get("content-length", "0")
    if not declared.isdigit() or int(declared) > _MOST_BYTES:
        raise HTTPException(413, "The request is too large.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise HTTPException(413, "The request is too large.")
    return bytes(body)
