"""What somebody wrote themselves in an e-mail: without what they answer to, and without their signature."""

import re

# The marks under which mail programs put what is answered to, from there to the end.
_DIVIDERS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"[-_]{2,}\s*(?:original|forwarded|urspr|mensaje|message|messaggio|mensagem|weitergeleitete)\b.*",
        r"_{20,}",
        r"[-*]*\s*(?:from|de|von|da|van)\s?:\s.*@.*",
        r"begin forwarded message:",
    )
)
# “On Tuesday, 3 March, Ann <ann@example.org> wrote:”, which mail programs break over up to three lines.
_INTRODUCTION = re.compile(
    r"(?=.*[0-9@])(?:on|el|le|am|il|em|op)\s.{4,300}\s(?:wrote|escribió|écrit|schrieb|scritto|escreveu|schreef)\b.{0,120}:",
    re.IGNORECASE | re.DOTALL,
)
_OPENS = re.compile(r"(?:on|el|le|am|il|em|op)\s", re.IGNORECASE)
_SIGNATURE = re.compile(
    r"--|—|sent from (?:my|yahoo|outlook|mail|proton)\b.*|get outlook for .*|enviado desde mi .*|envoyé de mon .*"
    r"|von meinem .* gesendet|inviato da(?:l mio)? .*|enviado do meu .*",
    re.IGNORECASE,
)
_LONGEST_INTRODUCTION = 3


def own_words(text: str) -> str:
    """Return what stands above the first quotation or signature, and below what is marked line by line; "" if nothing.

    Who answers below a quotation whose lines begin with ">" is heard as well.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    kept: list[str] = []
    at = 0
    while at < len(lines) and not _is_end(lines[at].strip()):
        introduced = _introduction(lines, at)
        if introduced and not _is_marked(lines[at + introduced :]):
            break
        if not introduced and not lines[at].lstrip().startswith(">"):
            kept.append(lines[at].rstrip())
        at += introduced or 1
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def _is_end(line: str) -> bool:
    return bool(_SIGNATURE.fullmatch(line)) or any(divider.fullmatch(line) for divider in _DIVIDERS)


def _introduction(lines: list[str], at: int) -> int:
    """Return over how many lines what introduces a quotation goes, 0 when it isn't one."""
    if not _OPENS.match(lines[at].strip()):
        return 0
    tried = range(1, _LONGEST_INTRODUCTION + 1)
    parts = (" ".join(line.strip() for line in lines[at : at + count]) for count in tried)
    return next((count for count, part in zip(tried, parts, strict=True) if _INTRODUCTION.fullmatch(part)), 0)


def _is_marked(lines: list[str]) -> bool:
    following = next((line.strip() for line in lines if line.strip()), "")
    return following.startswith(">")
