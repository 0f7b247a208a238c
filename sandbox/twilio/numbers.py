"""What a phone number looks like on the wire: E.164, always."""

import re

_e164 = re.compile(r"\+[1-9][0-9]{6,14}").fullmatch


def is_number(text: object) -> bool:
    """Say whether something is a phone number such as +12125550123."""
    return isinstance(text, str) and _e164(text) is not None
