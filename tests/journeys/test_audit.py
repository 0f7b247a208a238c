"""The demo's checks can fail: each figure that is fed wrong is named, and nothing else is."""

from dataclasses import replace
from typing import Any

import pytest

from sandbox import demo
from sandbox.story import agreeing, ending, leaving, preparing
from sandbox.story.audit import Figures, Finding, findings, require_right
from sandbox.story.awaiting import Overdue, WentWrong, until

STATUS: dict[str, Any] = {
    "recipients": 10, "pending": 0, "claimed": 0, "accepted": 0, "sent": 0, "delivered": 6, "undelivered": 2,
    "failed": 0, "refused": 1, "unknown": 0, "skipped": {"opted_out": 1}, "cancelled": 0, "expired": 0,
}  # fmt: skip
LEDGER: dict[str, Any] = {"doubles": 0, "after_stop": 0, "inbound_failed": 0, "callbacks": {"failed": 0}}
TEXTS = [{"to": f"+1212555011{number}", "status": "delivered" if number < 6 else "undelivered"} for number in range(8)]
CARD = {"delivered": 6, "undelivered": 2, "failed": 0, "refused": 1, "unknown": 0, "skipped": 1}
RIGHT = Figures(status=STATUS, ledger=LEDGER, texts=TEXTS, card=CARD, audience=10, stopped=["+12125550119"])

SCENES = (
    (preparing, "import_list"),
    (preparing, "name_staff"),
    (agreeing, "compose"),
    (agreeing, "agree"),
    (leaving, "send"),
)


def wrong(figures: Figures) -> list[Finding]:
    return [one for one in findings(figures) if not one.is_right]


def test_a_blast_as_it_must_be_leaves_nothing_to_complain_of() -> None:
    assert wrong(RIGHT) == []


def status(**changed: object) -> Figures:
    return replace(RIGHT, status={**STATUS, **changed})


def ledger(**changed: object) -> Figures:
    return replace(RIGHT, ledger={**LEDGER, **changed})


@pytest.mark.parametrize(
    ("figures", "named"),
    [
        (ledger(doubles=1), "Sent twice"),
        (replace(RIGHT, texts=[*TEXTS, TEXTS[0]]), "Sent twice"),
        (ledger(after_stop=1), "Sent after STOP"),
        (replace(RIGHT, stopped=[TEXTS[0]["to"]]), "Sent after STOP"),
        (replace(RIGHT, audience=11), "Recipients, of those imported"),
        (status(delivered=5), "Recipients accounted for"),
        (status(pending=1, delivered=5), "Recipients not in a final state"),
        (status(sent=1, delivered=5), "Recipients not in a final state"),
        (status(unknown=1, delivered=5), "Unanswered unknown"),
        (ledger(callbacks={"failed": 2}), "Callbacks that failed"),
        (ledger(inbound_failed=1), "Members' texts that failed"),
        (replace(RIGHT, texts=TEXTS[1:]), "Texts in Twilio's ledger, in the database"),
        (status(delivered=7, undelivered=1), "… of them delivered"),
        (replace(RIGHT, card=CARD | {"delivered": 5}), "On the card: delivered"),
        (replace(RIGHT, card={}), "On the card: refused"),
    ],
)
def test_a_wrong_figure_is_found(figures: Figures, named: str) -> None:
    assert named in [finding.what for finding in wrong(figures)]


def test_a_story_that_ends_right_is_let_go() -> None:
    require_right(findings(RIGHT))


def test_a_story_that_ends_wrong_says_every_wrong_figure() -> None:
    with pytest.raises(WentWrong, match=r"Sent after STOP: 3, and .* Callbacks that failed: 1, and it must be 0\."):
        require_right(findings(ledger(after_stop=3, callbacks={"failed": 1})))


def test_a_demo_that_ends_wrong_exits_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SANDBOX_URL", "http://127.0.0.1:9")
    for scene in (*SCENES, (ending, "report")):
        monkeypatch.setattr(*scene, lambda _: None)
    monkeypatch.setattr(ending, "figures", lambda _: ledger(doubles=1))
    assert demo.main(["--rows", "60"]) == 1
    assert "Sent twice: 1, and it must be 0." in capsys.readouterr().err


def test_a_demo_without_a_sandbox_exits_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SANDBOX_URL", raising=False)
    assert demo.main([]) == 1
    assert "start the demo by `make demo`" in capsys.readouterr().err


def test_a_demo_refuses_real_credentials(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-real")
    assert demo.main([]) == 1
    told = capsys.readouterr().err
    assert "SLACK_BOT_TOKEN" in told
    assert "xoxb-real" not in told


def test_who_waits_in_vain_says_for_what() -> None:
    with pytest.raises(Overdue, match="Waited 0 s in vain for the tide"):
        until("the tide", lambda: None, seconds=0)


def test_a_complaint_says_what_it_is_and_what_it_must_be() -> None:
    complaints = [finding.complaint for finding in wrong(ledger(after_stop=3))]
    assert complaints == ["Sent after STOP: 3, and it must be 0."]
