"""The assistant: any endpoint that speaks OpenAI's chat completions, asked once, with a short time-out.

Source: https://platform.openai.com/docs/api-reference/chat/create
"""

import asyncio
import json
from collections.abc import Mapping, Sequence

import aiohttp

from core.settings import Settings

_WITHIN_S = 15.0
_MOST_BYTES = 256 * 1024
_LONGEST = 200  # tokens: about two texts


class NoDraft(Exception):
    """The assistant gave nothing that could be used; the message says why, without anybody's words."""


def complete(settings: Settings, messages: Sequence[Mapping[str, str]]) -> str:
    """Return what the assistant answers.

    Raises:
        NoDraft: it was slow, down, or said nothing.
    """
    try:
        return asyncio.run(_ask(settings, messages))
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise NoDraft(f"The assistant did not answer: {type(error).__name__}.") from None


async def _ask(settings: Settings, messages: Sequence[Mapping[str, str]]) -> str:
    key = settings.assistant_api_key
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    body = {"model": settings.assistant_model, "messages": list(messages), "max_tokens": _LONGEST}
    url = f"{settings.assistant_url.rstrip('/')}/chat/completions"
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_WITHIN_S), headers=headers) as session,
        session.post(url, json=body, allow_redirects=False) as answer,
    ):
        if answer.status != 200:
            raise NoDraft(f"The assistant answered {answer.status}.")
        return _text(await _read(answer))


async def _read(answer: aiohttp.ClientResponse) -> object:
    raw = await answer.content.read(_MOST_BYTES)
    while not answer.content.at_eof():
        more = await answer.content.read(_MOST_BYTES)
        raw += more
        if len(raw) > _MOST_BYTES:
            raise NoDraft("The assistant's answer is too large.")
    try:
        return json.loads(raw)
    except ValueError:
        raise NoDraft("The assistant answered with something that isn't JSON.") from None


def _text(told: object) -> str:
    try:
        text = told["choices"][0]["message"]["content"]  # type: ignore[index]  # what is wrong with it is told below
    except (KeyError, IndexError, TypeError):
        raise NoDraft("The assistant's answer has no text.") from None
    if not isinstance(text, str) or not text.strip():
        raise NoDraft("The assistant's answer has no text.")
    return text.replace("\0", "").strip()
