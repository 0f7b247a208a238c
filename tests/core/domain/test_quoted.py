"""Of an e-mail only what its writer wrote is read: no quotation, no signature."""

import sys
from types import FrameType
from typing import Any

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
        ("In 2024 you wrote:\nstop", "In 2024 you wrote:\nstop"),
        ("Sent from my iPhone\nYes, please", "Yes, please"),
        ("-- \nAnn\n" + OURS + "\nYes, please", "Yes, please"),
        ("> Coming?\nYes\n> Anything to bring?\n\nBread\n> Bye", "Yes\n\nBread"),
        ("> " + "a long line of ours, " * 3 + "or text\nSTOP\n> to end\nThanks", "Thanks"),
        ("OK\n\nVon: Tenants\nGesendet: Dienstag\nAn: Ann\nBetreff: Miete\n\nSTOP", "OK"),
        ("OK\n\n*De :* Tenants\n*Envoyé :* mardi\n*À :* Ann\n*Objet :* Loyer\n\nSTOP", "OK"),
        ("OK\n\n---- On Tue, 03 Mar 2026 10:00 Tenants wrote ----\n\nSTOP", "OK"),
        ("-----Original Message-----\nFrom: Tenants\nSent: Tuesday\n\n> STOP\n\nYes, please", "Yes, please"),
        ("De: lunes a viernes trabajo", "De: lunes a viernes trabajo"),
    ],
)
def test_only_their_own_words_are_left(text: str, own: str) -> None:
    assert own_words(text) == own


@pytest.mark.parametrize(
    "introduction",
    [
        "On Tue, Mar 3, 2026 at 10:00 AM Tenants <t@example.org> wrote:",
        "El mar, 3 mar 2026 a la(s) 10:00, Tenants (<t@example.org>) escribió:",
        "Le mar. 3 mars 2026 à 10:00, Tenants <t@example.org> a écrit :",
        "Am 03.03.26 um 10:00 schrieb Tenants:",
        "Il giorno mar 3 mar 2026 alle ore 10:00 Tenants <t@example.org> ha scritto:",
        "Em ter., 3 de mar. de 2026 às 10:00, Tenants <t@example.org> escreveu:",
        "Op di 3 mrt 2026 om 10:00 schreef Tenants <t@example.org>:",
        "Tenants <t@example.org> 于2026年3月3日周二 10:00写道：",
        "Vào Th 3, 3 thg 3, 2026 vào lúc 10:00 Tenants <t@example.org> đã viết:",
        "Noong Mar, Mar 3, 2026 nang 10:00 AM, isinulat ni Tenants <t@example.org>:",
        "في الثلاثاء، 3 مارس 2026 في 10:00 ص تمت كتابة ما يلي بواسطة Tenants <t@example.org>:",
        "2026年3月3日(火) 10:00 Tenants <t@example.org>:",
        "вт, 3 мар. 2026 г. в 10:00, Tenants <t@example.org>:",
        "Tenants <t@example.org> wrote:",
    ],
)
@pytest.mark.parametrize("has_address_below", [False, True])
def test_what_introduces_a_quotation_is_known_in_many_languages(introduction: str, has_address_below: bool) -> None:
    written = introduction.replace(" <", "\n<") if has_address_below and introduction[0] != "T" else introduction
    assert own_words(f"Fine\n\n{written}\n\nSTOP") == "Fine"
    assert own_words(f"{written}\n{OURS}\n\nYes, please") == "Yes, please"


def steps(text: str) -> int:
    """Count the lines of our own code that reading takes."""
    count = 0

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    sys.settrace(trace)
    try:
        own_words(text)
    finally:
        sys.settrace(None)
    return count


@pytest.mark.parametrize(
    "piece", ["> > > ", "a@a@", "On ", "On 1 a wrote\n", "From: ", "<a@", "-- ", "--\n", "_" * 20, "\n", ":\n"]
)
def test_a_hostile_text_takes_steps_in_proportion_to_its_length(piece: str) -> None:
    once, twice = (steps(piece * (size // len(piece))) for size in (10_000, 20_000))
    assert twice <= 2.5 * once + 100


@pytest.mark.parametrize("piece", ["> > > ", "a@a@", "On wrote ", "<a@" * 9, "[" * 9, "- ", "*From", "sent from my "])
def test_one_line_of_100_kb_is_read(piece: str) -> None:
    assert own_words(piece * (100_000 // len(piece))) is not None
