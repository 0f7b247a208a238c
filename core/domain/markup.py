"""The text of an e-mail that came as HTML: what can be seen, with quotations marked by ">" as plain text has them.

Read by a scanner of our own, in one pass: for what is malformed `html.parser` takes the square of its length in Pythons
that people still run (CVE-2025-6069).
"""

import html
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

_MOST = 500_000  # characters; what follows isn't read
_MOST_OF_A_TAG = 4_000
# A line that `quoted` takes for the end of what somebody wrote.
_DIVIDER = "_" * 24
_UNSEEN = frozenset({"head", "template", "noscript", "object", "svg", "select", "map", "audio", "video", "iframe"})
_RAW = frozenset({"script", "style", "textarea", "title", "xmp"})
_VOID = frozenset({"area", "base", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "wbr"})
_APART = frozenset({"p", "blockquote", "pre", "h1", "h2", "h3", "h4", "h5", "h6"})
_LINES = _APART | {"div", "tr", "li", "ul", "ol", "table", "center", "section", "article", "footer", "dd", "dt", "hr"}
_OF_HEAD = frozenset({"meta", "link", "base", "noscript", "template"})
# Elements that end without an end tag: what each ends that is open, and within what it looks for that.
_ENDS_OPEN = {
    **dict.fromkeys(_LINES - {"li", "tr"}, (frozenset({"p"}), frozenset({"td", "th", "table"}))),
    "li": (frozenset({"li"}), frozenset({"ul", "ol"})),
    "tr": (frozenset({"tr"}), frozenset({"table"})),
    **dict.fromkeys(("td", "th"), (frozenset({"td", "th"}), frozenset({"tr", "table"}))),
}
_LOOKS_UP = 8
_NAME = re.compile(r"[a-z][a-z0-9]*")
_ATTRIBUTE = re.compile(r"""([a-z-]{1,30})\s{0,9}=\s{0,9}(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_HIDES = re.compile(
    r"display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}hidden|mso-hide\s{0,9}:\s{0,9}all"
    r"|(?:font-size|max-height|max-width|opacity)\s{0,9}:\s{0,9}0(?:px|pt|em|%)?\s{0,9}(?:;|!|$)"
)
# Mail programs indent what somebody writes by a quotation with no border; Outlook takes all of them away from one that
# it quotes, and draws the left one anew.
_INDENTS = re.compile(r"border\s{0,9}:\s{0,9}(?:none|0)")
_IS_LINED = re.compile(r"border-left\s{0,9}:\s{0,9}(?!none|0|\s)")
_QUOTES = frozenset({"yahoo_quoted"})
_SIGNATURES = frozenset({"gmail_signature", "moz-signature", "protonmail_signature_block", "signature"})
_DIVIDES = frozenset({"divrplyfwdmsg", "x_divrplyfwdmsg", "olk_src_body_section"})
_BLANK = re.compile(r"[ \t\r\n\f\xa0]+")
_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_is_link = re.compile(r"https?://\S{1,500}").fullmatch
# Python refuses to read so long a number, with an error.
_NO_CHARACTER = re.compile(r"&#[0-9]{1000,};?")


def text_of(markup: str) -> str:
    """Return what a reader of this HTML sees, as lines; what is quoted begins with ">", links follow their words."""
    page = _Page()
    for name, is_end, rest in _pieces(markup[:_MOST]):
        if not name:
            page.write(html.unescape(_NO_CHARACTER.sub("\ufffd", rest)))
        elif is_end:
            page.close(name)
            page.end_line(name)
        else:
            _begin(page, name, rest)
    return page.text()


class _Element(NamedTuple):
    """An element that is open, and what it does to what stands in it."""

    name: str
    is_unseen: bool
    is_quoted: bool
    link: str


@dataclass(slots=True)
class _Page:
    """The lines so far, the parts of the one being written, and the elements that are open."""

    lines: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    stack: list[_Element] = field(default_factory=list)
    names: Counter[str] = field(default_factory=Counter)
    unseen: int = 0
    quoted: int = 0
    linked_from: int = 0

    def text(self) -> str:
        self._end()
        return "\n".join(self.lines).strip("\n")

    def open(self, element: _Element) -> None:
        self.stack.append(element)
        self._count(element, 1)
        self.linked_from = len(self.parts)

    def close(self, name: str) -> None:
        """Close an element, and what was left open within it; one that isn't open closes nothing."""
        while self.names[name]:
            element = self.stack.pop()
            if element.link:
                self._tell(element.link)
            self._count(element, -1)
            if element.name == name:
                return

    def end_open(self, name: str) -> None:
        """Close what ends where an element of this name begins, since its own end may be left out."""
        if self.stack and self.stack[-1].name == "head" and name not in _OF_HEAD:
            self.close("head")
        ends, within = _ENDS_OPEN.get(name, (frozenset(), frozenset()))
        for element in self.stack[: -_LOOKS_UP - 1 : -1] if ends else ():
            if element.name in ends:
                self.close(element.name)
            if element.name in ends | within:
                return

    def write(self, text: str) -> None:
        said = _BLANK.sub(" ", text)
        if said.strip():
            self.end_open("")
        if self.unseen or (not self.parts and not said.strip()):
            return
        if not self.parts:
            self.parts = ["> "] if self.quoted else []
            self.linked_from = 0
            said = said.lstrip()
        self.parts.append(said)

    def end_line(self, name: str) -> None:
        """Go to a new line where this element begins or ends one, below an empty one if it stands apart."""
        if name not in _LINES or self.unseen:
            return
        if self.parts:
            self._end()
        if name in _APART and self.lines and self.lines[-1]:
            self.lines.append("")

    def break_line(self) -> None:
        if not self.unseen:
            self._end()

    def _end(self) -> None:
        self.lines.append("".join(self.parts).rstrip())
        self.parts = []
        self.linked_from = 0

    def _count(self, element: _Element, by: int) -> None:
        self.names[element.name] += by
        self.unseen += by * element.is_unseen
        self.quoted += by * element.is_quoted

    def _tell(self, link: str) -> None:
        said = "".join(self.parts[self.linked_from :])
        if not self.unseen and said.strip() and link.partition("://")[2].rstrip("/") not in said:
            self.parts.append(f" ({link})")


def _begin(page: _Page, name: str, tag: str) -> None:
    if name == "br":
        page.break_line()
        return
    page.end_open(name)
    page.end_line(name)
    if name == "a":
        page.close("a")  # as browsers do: links don't nest
    given = {key.lower(): a or b or c for key, a, b, c in _ATTRIBUTE.findall(tag)}
    if given.get("id", "").lower() in _DIVIDES:
        page.write(_DIVIDER)
        page.break_line()
    if name in ("td", "th"):
        page.write(" ")
    if name not in _VOID:
        page.open(_element(name, given, is_hidden="hidden" in _ATTRIBUTE.sub("", tag).lower().split()))


def _element(name: str, given: dict[str, str], *, is_hidden: bool) -> _Element:
    style, names = given.get("style", "").lower(), frozenset(given.get("class", "").lower().split())
    is_signature = bool(names & _SIGNATURES) or given.get("id", "").lower() in _SIGNATURES
    is_cited = given.get("type", "").lower() == "cite" or not _INDENTS.search(style)
    is_cited = is_cited or bool(_IS_LINED.search(style))
    href = html.unescape(given.get("href", "")).strip() if name == "a" else ""
    return _Element(
        name,
        is_unseen=is_hidden or is_signature or name in _UNSEEN or bool(_HIDES.search(style)),
        is_quoted=(name == "blockquote" and is_cited) or bool(names & _QUOTES),
        link=href if _is_link(href) else "",
    )


def _pieces(markup: str) -> Iterator[tuple[str, bool, str]]:
    """Give tags as (name, whether it is an end, attributes), and what stands between them as ("", False, text)."""
    lower, at = markup.translate(_LOWER), 0
    while at < len(markup):
        begins = markup.find("<", at)
        if begins != at:
            yield "", False, markup[at : begins if begins >= 0 else len(markup)]
        if begins < 0:
            return
        is_end = markup.startswith("</", begins)
        found = _NAME.match(lower, begins + 1 + is_end)
        if found is None and markup[begins + 1 : begins + 2] not in ("!", "?", "/"):
            yield "", False, "<"
            at = begins + 1
            continue
        at = _after(markup, "-->" if markup.startswith("<!--", begins) else ">", begins)
        if found is None:
            continue
        name = found.group()
        if name in _RAW:
            end = -1 if is_end else lower.find(f"</{name}", at)
            at = end if end >= 0 else at if is_end else len(markup)
            continue
        yield name, is_end, markup[found.end() : min(at - 1, begins + _MOST_OF_A_TAG)]


def _after(markup: str, mark: str, begins: int) -> int:
    """Return where what follows a mark begins: at the very end when it never comes."""
    end = markup.find(mark, begins + 1)
    return end + len(mark) if end >= 0 else len(markup)
