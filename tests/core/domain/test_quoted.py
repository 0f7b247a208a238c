"""Of an e-mail only what its writer wrote is read: no quotation, no signature."""

import pytest

from core.domain.quoted import own_words

OURS = "> Reply STOP to unsubscribe"


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("See you there", "See you there"),
        (
            "See you there\r\n\r\nOn Tue, 3 Mar 2026 at 10:00, Tenants <t@example.org> wrote:\r\n" + OURS,
            "See you there",
        ),
        ("Sure\n\nOn Tue, 3 Mar 2026 at 10:00, Tenants Together\n<t@example.org>\nwrote:\n\nReply STOP", "Sure"),
        ("Gracias\n\nEl mar, 3 mar 2026 a las 10:00, Tenants (<t@example.org>) escribió:\nSTOP", "Gracias"),
        ("Merci\n\nLe mar. 3 mars 2026 à 10:00, Tenants <t@example.org> a écrit :\nSTOP", "Merci"),
        ("Danke\n\nAm Di., 3. März 2026 um 10:00 Uhr schrieb Tenants <t@example.org>:\nSTOP", "Danke"),
        ("OK\n\n-----Original Message-----\nSTOP to unsubscribe", "OK"),
        ("OK\n\n________________________________\nFrom: Tenants <t@example.org>\nSTOP", "OK"),
        ("OK\n\nFrom: Tenants <t@example.org>\nSent: Tuesday\n\nSTOP", "OK"),
        ("OK\n-- \nAnn\nHelp end hunger", "OK"),
        ("OK\n\nSent from my iPhone", "OK"),
        (OURS + "\nYes, please", "Yes, please"),
        (OURS, ""),
        ("On 3 Mar 2026, Tenants wrote:\n\n> See you?\n> Reply STOP\n\nYes, please", "Yes, please"),
        ("On Monday she wrote to me:\ncome!", "On Monday she wrote to me:\ncome!"),
        ("On Monday I can't.\nOn Tuesday I can.", "On Monday I can't.\nOn Tuesday I can."),
        ("On Monday she wrote to me: come!\nI will.", "On Monday she wrote to me: come!\nI will."),
        ("From: nine to five I work", "From: nine to five I work"),
    ],
)
def test_only_their_own_words_are_left(text: str, own: str) -> None:
    assert own_words(text) == own


def test_a_hostile_text_is_read_as_fast_as_any_other() -> None:
    assert own_words("On " * 3_000 + "\n" + "on a wrote " * 1_000)
