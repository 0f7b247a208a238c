"""Reads the texts that a webhook's answer asks to send, without trusting its XML."""

from dataclasses import dataclass
from xml.etree import ElementTree

from sandbox.twilio.limits import MEDIA_LIMIT

_LIMIT = 64 * 1024  # characters


class BadTwiml(ValueError):
    """The answer is no TwiML (Twilio's error 12100 or 12200)."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One `<Message>`: its text, its pictures, and the phone it goes to if not the sender's."""

    body: str
    media: tuple[str, ...] = ()
    to: str = ""


def read(text: str, content_type: str) -> list[Reply]:
    """Return the texts asked for, in order. An empty answer asks for none, plain text for one.

    Raises:
        BadTwiml: it isn't well-formed, declares a document type, or is no `<Response>`.
    """
    if not text.strip():
        return []
    if content_type == "text/plain":
        return [Reply(text.strip())]
    root = parse(text)
    if root.tag != "Response":
        raise BadTwiml("The answer's outermost element is not <Response>.")
    replies = [_reply(element) for element in root if element.tag in ("Message", "Sms")]
    return [reply for reply in replies if reply.body or reply.media]


def parse(text: str) -> ElementTree.Element:
    """Return the outermost element.

    Raises:
        BadTwiml: it is too long, declares a document type, or is not well-formed.
    """
    # A document type is the only door to entities that grow or that fetch files.
    if len(text) > _LIMIT or "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise BadTwiml("The answer is too long or declares a document type.")
    try:
        return ElementTree.fromstring(text)  # noqa: S314  no document type gets here, so no entity can
    except (ElementTree.ParseError, ValueError) as error:
        raise BadTwiml("The answer is not well-formed XML.") from error


def _reply(element: ElementTree.Element) -> Reply:
    bodies = [body.text or "" for body in element.iter("Body")]
    media = tuple((link.text or "").strip() for link in element.iter("Media"))[:MEDIA_LIMIT]
    body = "".join(bodies) if bodies else (element.text or "")
    return Reply(body.strip(), media, element.get("to", ""))
