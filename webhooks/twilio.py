"""What Twilio posts, let in when it is genuine."""

from collections.abc import Sequence
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

from core.settings import Settings
from core.usecases.twilio_posts import Form
from webhooks import signature
from webhooks.bodies import header, read_body

_MOST_FIELDS = 500

_SIGNATURE, _ALGORITHM = signature.HEADER.encode(), signature.SETTINGS_HEADER.encode()


class Gate:
    """Lets in what Twilio signed for this account, of bearable size; nothing else is looked at."""

    def __init__(self, settings: Settings) -> None:
        self._base = settings.public_url.rstrip("/")
        self._account = settings.twilio_account_sid
        self._tokens = tuple(filter(None, (settings.twilio_auth_token, settings.twilio_auth_token_secondary)))

    async def admit(self, request: Request) -> Form:
        """Read a request.

        Raises:
            HTTPException: 413 too large, 403 not signed by Twilio or of another account, 400 not a form.
        """
        signed = header(request, _SIGNATURE)
        if not signed or not signed.isascii():
            raise HTTPException(403, "The request carries no signature of Twilio's.")
        pairs = _read_form(await read_body(request))
        algorithm = header(request, _ALGORITHM)
        if not signature.is_genuine(
            self._url(request), pairs, signature=signed, tokens=self._tokens, settings=algorithm
        ):
            raise HTTPException(403, "The signature is not Twilio's.")
        # PostgreSQL takes no NUL in texts, and nobody means one.
        form = Form({name: value.replace("\0", "") for name, value in pairs}, _read_query(request))
        if form.fields.get("AccountSid") != self._account:
            raise HTTPException(403, "The request is of another account.")
        return form

    def _url(self, request: Request) -> str:
        """Return the address as Twilio knows it: what a proxy tells us of host and scheme is never believed."""
        path: bytes = request.scope["raw_path"]
        query: bytes = request.scope["query_string"]
        return self._base + (path + b"?" + query if query else path).decode("latin-1")


def _read_form(body: bytes) -> Sequence[tuple[str, str]]:
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise HTTPException(400, "The body is not a form in UTF-8.") from None


def _read_query(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True))
