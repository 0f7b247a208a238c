"""What is told of an e-mail's event that can't be read."""

import pytest

from core.domain import email_events
from core.errors import Invalid


def test_an_event_without_a_word_for_it_is_told_in_a_sentence() -> None:
    with pytest.raises(Invalid, match="doesn't say what has happened"):
        email_events.read({"email": "ann@example.org"})
