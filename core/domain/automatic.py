"""Which e-mails nobody wrote: out-of-office notices and what else programs answer with."""

import re
from collections.abc import Mapping

# RFC 3834 has the first; the others are older, and still sent.
HEADERS = ("auto-submitted", "precedence", "x-auto-response-suppress", "x-autoreply", "x-autorespond")
_ANSWERS = frozenset({"in-reply-to", "references"})
_PRECEDENCES = frozenset({"bulk", "auto_reply", "junk"})
_is_subject = re.compile(
    r"\s*(?:automatic reply|automated reply|auto[- ]?(?:reply|response)|out of (?:the )?office(?: (?:auto)?reply)?"
    r"|automatische antwort|abwesenheitsnotiz|réponse automatique|respuesta automática|resposta automática"
    r"|risposta automatica)\s*(?:[:–—-]|$)",
    re.IGNORECASE,
).match


def is_automatic(headers: Mapping[str, str], subject: str) -> bool:
    """Tell whether a program sent an e-mail; `headers` by their names in small letters, as many as are known.

    A subject counts where the headers aren't told, or agree: people answer to such subjects, too.
    """
    said = {name: value.strip().lower() for name, value in headers.items()}
    # "no" may be followed by a comment or parameters.
    first = {name: re.split(r"[\s;(]", value)[0] for name, value in said.items()}
    if any(first.get(name, "no") not in ("", "no") for name in ("auto-submitted", "x-autoreply", "x-autorespond")):
        return True
    if first.get("precedence") in _PRECEDENCES:
        return True
    # Exchange asks for no automatic answer to much of what people write themselves.
    may_be = "x-auto-response-suppress" in said or said.keys() <= _ANSWERS
    return may_be and bool(_is_subject(subject))
