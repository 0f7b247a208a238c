"""Whatever an e-mail is made of, what its writer wrote is heard, and what they quote asks for nothing."""

from collections.abc import Sequence
from html import escape

from hypothesis import example, given
from hypothesis import strategies as st

from core.domain import letter
from core.domain.markup import text_of
from core.domain.quoted import own_words

OWN = (
    "See you on Monday",
    "Is there parking?",
    "Yes, please",
    "¿Hay guardería?",
    "Danke für alles",
    "I can bring bread",
    "我会来",
)
STOPS = ("STOP", "Unsubscribe", "Please stop emailing me", "Reply STOP to unsubscribe", "Baja", "take me off your list")
INTRODUCTIONS = (
    "On Tue, Mar 3, 2026 at 10:00 AM Tenants <t@example.org> wrote:",
    "El mar, 3 mar 2026 a las 10:00, Tenants (<t@example.org>) escribió:",
    "Am 03.03.26 um 10:00 schrieb Tenants:",
    "Tenants <t@example.org> 于2026年3月3日周二 10:00写道：",
)
HEADERS = (
    "From: Tenants <t@example.org>\nSent: Tuesday, March 3, 2026\nTo: Ann\nSubject: Rent",
    "De: Tenants\nEnviado: martes\nPara: Ann\nAsunto: Renta",
    "-----Original Message-----\nFrom: Tenants\nSent: Tuesday",
    "_" * 32 + "\nVon: Tenants\nGesendet: Dienstag",
    "---------- Forwarded message ---------\nFrom: Tenants <t@example.org>\nDate: Tue",
)
SIGNATURES = ("-- \nAnn, STOP evictions now", "Sent from my iPhone", "Enviado desde mi Android", "--\nUnsubscribe")

paragraphs = st.lists(st.sampled_from(OWN), min_size=1, max_size=3)
quoted_words = st.lists(st.sampled_from((*STOPS, *OWN)), min_size=1, max_size=4)


def marked(lines: Sequence[str], depth: int) -> str:
    return "\n".join("> " * depth + line for line in lines)


@st.composite
def parts(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Make an e-mail of own words above, between and below marked quotations; returns it, and the own words."""
    text, own = [], []
    for _ in range(draw(st.integers(1, 4))):
        said = draw(paragraphs)
        own += said
        text += ["\n".join(said), draw(st.sampled_from(("", *SIGNATURES[1:3])))]
        if draw(st.booleans()):
            text.append(draw(st.sampled_from(INTRODUCTIONS)))
        text.append(marked(draw(quoted_words), draw(st.integers(1, 3))))
    if draw(st.booleans()):
        text.append(draw(st.sampled_from(SIGNATURES)))
    return "\n\n".join(text), own


@st.composite
def unmarked(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Make an e-mail with own words above what isn't marked."""
    own = draw(paragraphs)
    divider = draw(st.sampled_from((*INTRODUCTIONS, *HEADERS)))
    signature = draw(st.sampled_from(("", *SIGNATURES)))
    return "\n\n".join(["\n".join(own), signature, divider, *draw(quoted_words)]), own


@given(st.one_of(parts(), unmarked()), st.sampled_from(("\n", "\r\n")))
def test_own_words_are_heard_and_quoted_requests_are_not(made: tuple[str, list[str]], newline: str) -> None:
    text, own = made
    found = own_words(text.replace("\n", newline))
    assert [line for line in found.split("\n") if line] == own
    assert letter.read(found).kind != "opt_out"


@given(st.sampled_from(STOPS[:3]), st.one_of(parts(), unmarked()))
def test_an_own_request_is_heard_whatever_follows(stop: str, made: tuple[str, list[str]]) -> None:
    text, own = made
    rest = text.removeprefix("\n".join(own[: text.split("\n\n")[0].count("\n") + 1]))
    assert letter.read(own_words(f"{stop}{rest}")).kind == "opt_out"


@st.composite
def pages(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Make an HTML e-mail in the ways of several mail programs; returns it, and the own words."""
    tag, own = draw(st.sampled_from(("p", "div", "span><br", "td"))), draw(paragraphs)
    said = "".join(f"<{tag}>{escape(line)}</{tag.partition('>')[0]}><br>" for line in own)
    words = draw(quoted_words)
    inner = "<br>".join(map(escape, words))
    introduction = escape(draw(st.sampled_from(INTRODUCTIONS)))
    hidden = f'<div style="display:none">{inner}</div><style>{inner}</style><!-- {inner} -->'
    quotation = draw(
        st.sampled_from(
            (
                f'<div class="gmail_quote"><div>{introduction}<br></div><blockquote>{inner}</blockquote></div>',
                f"<blockquote>{inner}</blockquote>",
                f"<blockquote type='cite'><div>{introduction}</div>{inner}</blockquote>",
                f'<div id="divRplyFwdMsg"><b>From:</b> Tenants<br><b>Sent:</b> Tuesday</div><p>{inner}</p>',
                f'<div class="yahoo_quoted"><div>{introduction}</div>{inner}</div>',
                f'<div class="gmail_signature">{inner}</div>',
            )
        )
    )
    return f"<html><head>{hidden}</head><body>{said}{draw(st.sampled_from(('', hidden)))}{quotation}</body></html>", own


@given(pages())
def test_the_same_holds_of_html(made: tuple[str, list[str]]) -> None:
    markup, own = made
    found = own_words(text_of(markup))
    assert [line.strip() for line in found.split("\n") if line.strip()] == own
    assert letter.read(found).kind != "opt_out"


@given(st.text(max_size=2_000))
@example("<" * 2_000)
@example("> " * 1_000)
def test_any_text_is_read(text: str) -> None:
    letter.read(own_words(text_of(text)))
    letter.read(own_words(text))
