"""Reads what a webhook wants done in a call: the few verbs of TwiML that this stand-in can carry out."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree

from sandbox.twilio import twiml
from sandbox.twilio.twiml import BadTwiml

_KEYS_THAT_END = "1234567890*#"


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb. `said`: its words, or those of the <Say> inside; `rules`: its attributes."""

    name: str
    said: tuple[str, ...] = ()
    rules: dict[str, str] = field(default_factory=dict)

    @property
    def keys_that_end(self) -> str:
        """The keys that end a <Record>."""
        return self.rules.get("finishOnKey", _KEYS_THAT_END)


def read(text: str) -> list[Verb]:
    """Return the verbs, in order; an empty answer has none, and the call ends.

    Raises:
        BadTwiml: it isn't well-formed, isn't a <Response>, or asks for what this stand-in can't do.
    """
    if not text.strip():
        return []
    root = twiml.parse(text)
    if root.tag != "Response":
        raise BadTwiml("The answer's outermost element is not <Response>.")
    return [_verb(element) for element in root]


def _verb(element: ElementTree.Element) -> Verb:
    if element.tag not in ("Say", "Pause", "Gather", "Record", "Redirect", "Hangup", "Reject"):
        raise BadTwiml(f"The sandbox doesn't know the verb <{element.tag[:40]}>.")
    return Verb(element.tag, tuple(_words(element)), dict(element.attrib))


def _words(element: ElementTree.Element) -> Iterator[str]:
    if element.tag in ("Say", "Redirect"):
        yield "".join(element.itertext()).strip()
    elif element.tag == "Gather":
        for inner in element:
            yield from _words(inner)
