"""What an e-mail asks for: its own words read as a whole, without greeting and signing off, over broken lines."""

import re
from collections.abc import Collection, Sequence

from core.domain import keywords
from core.domain.keywords import Reading

# As much as is read of a text at once; of a longer e-mail the end is read as well.
_AT_ONCE = 1_500
_MOST_SIGNING, _LONGEST_SIGNING = 8, 60
_GREETING = re.compile(
    r"(?:hi|hello|hey|dear|good (?:morning|afternoon|evening)|greetings|to whom it may concern|hola|estimad[oa]s?"
    r"|querid[oa]s?|buen[oa]s (?:días|dias|tardes|noches)|bonjour|bonsoir|salut|chère?s?|hallo"
    r"|guten (?:tag|morgen|abend)|liebe[rs]?|sehr geehrte[rs]?|moin|ciao|gentil[ei]|buongiorno|buonasera|olá|ola|oi"
    r"|prezad[oa]s?|car[oaie]s?|bom dia|boa (?:tarde|noite)|xin chào|chào|kumusta|magandang \w+|bonjou|您好|你好"
    r"|مرحبا)\b[^.!?:\n]{0,40}[,.!:，]?",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"(?:(?:many |kind |best |warm(?:est)? |with )?(?:thanks|regards|wishes|greetings)(?: (?:again|a lot|so much))?"
    r"|thank you(?: (?:so much|very much|in advance))?|best|cheers|sincerely(?: yours)?|yours(?: (?:truly|sincerely))?"
    r"|respectfully|(?:in )?solidarity|peace|love|take care|bye|(?:muchas )?gracias|(?:un )?saludos?(?: cordiales)?"
    r"|atentamente|abrazos?|merci(?: (?:beaucoup|d'avance))?|(?:bien )?cordialement|bonne journée|danke(?: schön)?"
    r"|vielen dank|(?:viele|liebe|beste|mit freundlichen) grü(?:ß|ss)en?|mfg|lg|grazie(?: mille)?"
    r"|(?:(?:cordiali|distinti) )?saluti|obrigad[oa]|atenciosamente|abraços?|cảm ơn|salamat(?: po)?|mèsi|谢谢"
    r"|謝謝|شكرا)[ ,.!،，]{0,4}",
    re.IGNORECASE,
)
_REACHED_AT = re.compile(r"\+?[\d ()./-]{7,20}|\S{1,64}@\S{1,100}|(?:https?://|www\.)\S{1,200}")
_ENDS_A_SENTENCE = (*".!?:;…。！？：；", '"', "”")
_STRENGTH = {"certain": 2, "likely": 1, "none": 0}


def read(words: str, *, topics: Collection[str] = (), names: Collection[str] = ()) -> Reading:
    """Say what somebody's own words ask for; the strongest request to stop decides. `names`: the writer's.

    A keyword is one only if nothing else was written but a greeting, a name, and words that end a letter: a line break
    makes none of a line's first word ("Stop", "by my house").
    """
    lines = words.split("\n")
    wanted = [_unwrapped(_core(lines, names)), _unwrapped(lines)]
    readings = [keywords.read(part, topics=topics) for whole in dict.fromkeys(wanted) for part in _parts(whole)]
    asked = [each for each in readings if each.kind == "opt_out"]
    return max(asked, key=lambda each: _STRENGTH[each.certainty], default=readings[0])


def _parts(text: str) -> Sequence[str]:
    return [text] if len(text) <= _AT_ONCE else [text[:_AT_ONCE], text[-_AT_ONCE:].partition(" ")[2]]


def _core(lines: Sequence[str], names: Collection[str]) -> Sequence[str]:
    """Leave out how a letter begins and ends; where nothing else is left, that is the letter."""
    begins = next((at for at, line in enumerate(lines) if line), 0)
    first = begins + 1 if _GREETING.fullmatch(lines[begins]) and _is_idle(lines[begins]) else begins
    last = _signs_from(lines, names)
    return lines[first:last] if any(lines[first:last]) else lines


def _signs_from(lines: Sequence[str], names: Collection[str]) -> int:
    """Return at which line somebody signs off: at words for that, at their name, or at how else they are reached."""
    known = {_folded(part) for name in names for part in (name, *name.split()[:1])} | {""}
    end = len(lines)
    for at in range(len(lines) - 1, max(len(lines) - 1 - _MOST_SIGNING, 0), -1):
        line = lines[at]
        is_sign = bool(_CLOSING.fullmatch(line) or _REACHED_AT.fullmatch(line)) or _folded(line) in known
        # Below such words may stand what nobody can know: a name, a trade, a place. A sentence may not.
        if len(line) > _LONGEST_SIGNING or not _is_idle(line) or (not is_sign and (end < len(lines) or _goes_on(line))):
            break
        end = at if is_sign and line else end
    return end


def _goes_on(line: str) -> bool:
    return line[:1].islower()


def _is_idle(line: str) -> bool:
    return keywords.read(line).kind == "none"


def _folded(text: str) -> str:
    return " ".join(text.casefold().strip(" .,-–—!").split())


def _unwrapped(lines: Sequence[str]) -> str:
    """Join what goes on in the next line: where no sentence ends, and none begins."""
    joined = ""
    for line in lines:
        goes_on = _goes_on(line) and bool(joined) and not joined.rstrip().endswith(_ENDS_A_SENTENCE)
        joined = f"{joined.rstrip()} {line}" if goes_on else f"{joined}\n{line}" if joined else line
    return joined
