"""What a call is answered: verbs for Twilio, with every word escaped.

Source: https://www.twilio.com/docs/voice/twiml
"""

import re
from xml.sax.saxutils import escape, quoteattr

from core.domain.voice import LONGEST_MESSAGE_S, OPT_OUT_KEY, Words

KIND = "text/xml"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
# A caller who was told of the key has as long to press it before the tone is announced.
_FOR_THE_KEY_S = 4
_OF_SILENCE_S = 6
_LONGEST_SAID = 4000
_unsayable = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Behind an address, unsigned: try again when we couldn't take it, within Twilio's 15 seconds. A key is answered once
# nothing is on its way to its caller, which takes up to five seconds: asking again sooner would ask in vain.
_INSIST, _PATIENTLY = "#rc=5&rp=all&rt=2500", "#rc=2&rp=all&rt=7000"


class Script:
    """What calls are answered, with the addresses below `base` at which Twilio tells what callers do."""

    def __init__(self, base: str, organization: str) -> None:
        self._base = base
        self._organization = organization

    def greet(self, words: Words, *, may_opt_out: bool) -> str:
        """Say who we are and how to stop texts, wait for the key, and take a message."""
        who = self._organization
        hello = [words.greet(who), words.how_to_stop if may_opt_out else words.withheld]
        said = say(words, " ".join(hello))
        if may_opt_out:
            said = (
                f'<Gather input="dtmf" numDigits="1" timeout="{_FOR_THE_KEY_S}" method="POST" '
                f"action={self._address('key', _PATIENTLY)}>{said}</Gather>"
            )
        return response(said + self.ask(words))

    def take_message(self, words: Words) -> str:
        """Take a message, of a caller who has pressed another key."""
        return response(self.ask(words))

    def ask(self, words: Words) -> str:
        """Return the verbs that take a message; the key still works while it is left."""
        return (
            f"{say(words, words.after_the_tone)}"
            f'<Record maxLength="{LONGEST_MESSAGE_S}" timeout="{_OF_SILENCE_S}" finishOnKey="{OPT_OUT_KEY}#" '
            f'playBeep="true" method="POST" action={self._address("recorded", _PATIENTLY)} '
            f'recordingStatusCallback={self._address("recording", _INSIST)} recordingStatusCallbackMethod="POST"/>'
            f"{say(words, words.silence)}<Hangup/>"
        )

    def _address(self, door: str, fragment: str) -> str:
        return quoteattr(f"{self._base}/{door}{fragment}")


def say(words: Words, text: str) -> str:
    """Say something in a language's voice."""
    plain = _unsayable.sub("", text)[:_LONGEST_SAID]
    return f"<Say voice={quoteattr(words.voice)} language={quoteattr(words.language)}>{escape(plain)}</Say>"


def end(words: Words, text: str) -> str:
    """Say a last sentence, and hang up."""
    return response(f"{say(words, text)}<Hangup/>")


def response(verbs: str) -> str:
    """Return verbs as what Twilio takes."""
    return f"{_HEAD}<Response>{verbs}</Response>"


HANG_UP = response("<Hangup/>")
