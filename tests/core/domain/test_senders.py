"""Several senders, each at its own pace."""

import pytest

from core.domain import senders
from core.domain.senders import Sender
from core.errors import Invalid

SERVICE = "MG" + "0" * 32


def test_senders_are_read_with_their_rates() -> None:
    found = senders.parse(f"+12125550100=10, +12125550101 {SERVICE}=0.5", usual_rate=3)
    assert found == (Sender("+12125550100", 10), Sender("+12125550101", 3), Sender(SERVICE, 0.5))
    assert senders.parse(" ", usual_rate=3) == ()


@pytest.mark.parametrize("text", ["nobody=3", "+12125550100=fast", "+12125550100=1,+12125550100=2", "=3", "+1=1=1"])
def test_what_is_no_sender_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        senders.parse(text, usual_rate=1)


def test_whoever_is_faster_gets_more() -> None:
    assert list(senders.shares([Sender("a", 30), Sender("b", 10)])) == [("a", 7500), ("b", 10_000)]
    assert list(senders.shares([Sender("a", 0), Sender("b", 10)])) == [("a", 5000), ("b", 10_000)]
    assert list(senders.shares([Sender("a", 0)])) == [("a", 10_000)]
