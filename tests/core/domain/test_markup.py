"""Of an HTML e-mail what can be seen is read as text, its quotations marked, however broken it is."""

import sys
from types import FrameType
from typing import Any

import pytest

from core.domain.markup import text_of
from core.domain.quoted import own_words

GMAIL = (
    '<div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">On Tue, Mar 3, 2026 at 10:00 AM '
    'Tenants &lt;<a href="mailto:t@example.org">t@example.org</a>&gt; wrote:<br></div>'
    '<blockquote class="gmail_quote" style="margin:0 0 0 .8ex;border-left:1px">Coming?<br>STOP to end</blockquote>'
)
OUTLOOK = (
    '<hr style="width:98%" tabindex="-1"><div id="divRplyFwdMsg" dir="ltr"><b>From:</b> Tenants<br><b>Sent:</b> Tuesday'
    "<br></div><div>STOP to end</div>"
)
OUTLOOK_ON_WINDOWS = (
    '<div style="border:none;border-top:solid #E1E1E1 1.0pt"><p class="MsoNormal"><b>From:</b> Tenants '
    "&lt;t@example.org&gt;<br><b>Sent:</b> Tuesday<br><b>To:</b> Ann<br><b>Subject:</b> Rent</p></div>"
    "<p>STOP to end</p>"
)
APPLE = (
    "<div><br><blockquote type='cite'><div>On 3 Mar 2026, at 10:00, Tenants wrote:</div>"
    "<div>STOP</div></blockquote></div>"
)


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>See <b>you</b></p><p>there</p>", "See you\n\nthere"),
        ("<div>One</div><div>two<br>three</div>", "One\ntwo\nthree"),
        ("a &lt;b&gt; &amp; c&nbsp;d 3 < 4", "a <b> & c d 3 < 4"),
        ("<html><head><title>T</title><style>p{}</style></head><body>Hi<script>x('</p>')</script></body>", "Hi"),
        ("Hi<!-- STOP --><![if !mso]> there<![endif]>", "Hi there"),
        ('Hi<span style="display: none">STOP</span><p hidden>STOP</p><i style="font-size:0px">STOP</i>', "Hi"),
        ('<a href="https://example.org/x?a=1&amp;b=2">here</a>', "here (https://example.org/x?a=1&b=2)"),
        ('<a href="https://example.org/">example.org</a><a href="javascript:x">run</a>', "example.orgrun"),
        ("<blockquote>One<br>two</blockquote>Mine", "> One\n> two\n\nMine"),
        ('<blockquote style="margin:0 0 0 40px;border:none">Mine</blockquote>', "Mine"),
        ('<blockquote style="border:none;border-left:solid #CCCCCC 1.0pt">Theirs</blockquote>Mine', "> Theirs\n\nMine"),
        ('<blockquote style="border-left:0;border:0">Mine</blockquote>', "Mine"),
        ("<ul><li>a<li>b</ul><table><tr><td>c<td>d</table>", "a\nb\nc d"),
        ('Yes<div class="gmail_signature">Ann, STOP evictions</div>', "Yes"),
        ("<SCRIPT>a</SCRIPT>b<İ>c", "b<İ>c"),
        ("<b>never closed <i>at all", "never closed at all"),
        ("</div></p>closed only", "closed only"),
        ("<html><head><title>T</title><meta charset='utf-8'><style>p{}</style><body><p>STOP</p></body></html>", "STOP"),
        ("<head><link rel='x'><p>STOP", "STOP"),
        ("<head>STOP", "STOP"),
        ('<p style="display:none">Hidden<p>Seen', "Seen"),
        (
            "<ul><li hidden>Hidden<li>Seen</ul><table><tr hidden><td>Hidden<tr><td>Seen<td hidden>Hidden</table>",
            "Seen\nSeen",
        ),
        ("<li>One<ul><li>two</ul><p>three", "One\ntwo\n\nthree"),
        (f"STOP &#{'1' * 5000}; &#x{'f' * 5000};", "STOP \ufffd \ufffd"),
        ("cut off <a href='", "cut off"),
        ("<style>never closed", ""),
        ("", ""),
    ],
)
def test_what_is_seen_is_read(markup: str, text: str) -> None:
    assert text_of(markup) == text


@pytest.mark.parametrize("quotation", [GMAIL + "</div>", OUTLOOK, OUTLOOK_ON_WINDOWS, APPLE, f"<hr>{APPLE}"])
def test_a_quotation_is_nobodys_words(quotation: str) -> None:
    assert own_words(text_of(f"<div dir='ltr'>See you</div><br>{quotation}")) == "See you"


def test_what_stands_below_and_between_quotations_is_heard() -> None:
    inline = f"{GMAIL}<div>Yes</div><blockquote class='gmail_quote'>Bread?</blockquote><div>No</div></div>"
    assert own_words(text_of(inline)).split() == ["Yes", "No"]


@pytest.mark.parametrize(
    "piece", ["<", "<a", "<!--", "<![CDATA[", "<div>", "<b><i>", "</div>", "<script>", "</script", "&#", "<a href=x>y"]
)
def test_hostile_markup_takes_steps_in_proportion_to_its_length(piece: str) -> None:
    once, twice = (_steps(piece * (size // len(piece))) for size in (10_000, 20_000))
    assert twice <= 2.5 * once + 100


def test_elements_nested_without_end_are_read() -> None:
    assert text_of("<div>" * 90_000 + "deep") == "deep"


def _steps(markup: str) -> int:
    count = 0

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    sys.settrace(trace)
    try:
        text_of(markup)
    finally:
        sys.settrace(None)
    return count
