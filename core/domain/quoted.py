"""What somebody wrote themselves in an e-mail: without what they answer to, and without their signature."""

import re
from collections.abc import Sequence

# Mail programs break “On Tuesday, 3 March, Ann <ann@example.org> wrote:” over up to so many lines.
_MOST_LINES = 4
_LONGEST = 500
# As long as a line that a mail program on the way has broken once more may have been.
_FULL = 60
_OPENERS = frozenset(
    {
        *("on", "el", "le", "am", "il", "em", "op", "den", "dnia", "w", "ngày", "vào", "noong", "nan", "på", "om"),
        *("dne", "в", "في", "στις"),
    }
)
_WROTE = frozenset(
    {
        *("wrote", "writes", "escribió", "escribio", "écrit", "ecrit", "schrieb", "scritto", "escreveu", "schreef"),
        *("skrev", "kirjoitti", "napisał", "napsal", "írta", "yazdı", "viết", "isinulat", "ekri", "пишет", "написал"),
        *("написала", "έγραψε", "كتب", "كتابة", "כתב"),
    }
)
_WROTE_UNSPACED = ("写道", "寫道", "작성", "書きました")
_ADDRESS = re.compile(r"[<(\[][^\s<>()\[\]]{1,80}@[^\s<>()\[\]]{1,255}[>)\]]")
_TIME = re.compile(r"\d{1,2}[:.h時时시]\s?\d{2}")
_YEAR = re.compile(r"(?:19|20)\d\d")
_WORD = re.compile(r"[^\W\d_]{1,30}")
_DASHED = re.compile(r"[-=_*]{2,}[^-=_*].*")
# Parts of the words for an original or forwarded message, which stand between dashes.
_OF_AN_ORIGINAL = (
    *("original", "message", "origin", "forward", "urspr", "weitergeleitet", "mensaje", "mensagem", "messaggio"),
    *("bericht", "nachricht", "wrote", "原始", "转发", "轉寄", "gốc", "الأصلية"),
)
_FORWARDED = re.compile(
    r"(?:begin forwarded message|début du message réexpédié|anfang der weitergeleiteten nachricht"
    r"|inicio del mensaje reenviado|inizio messaggio inoltrato|início da mensagem encaminhada"
    r"|begin doorgestuurd bericht)\s?[:：]",
    re.IGNORECASE,
)
_RULE = re.compile(r"_{20,}")
_HEADER = re.compile(r"[*\s]{0,3}([^\W\d_][^:：*@\d]{0,20})\s?[:：]\*?(?:\s.*)?")
_FROM = frozenset(
    {"from", "de", "von", "da", "van", "från", "fra", "od", "发件人", "寄件者", "từ", "mula sa", "من", "от"}
)
_OTHER_HEADERS = frozenset(
    {
        *("sent", "date", "to", "subject", "cc", "reply-to", "enviado", "enviado el", "fecha", "para", "asunto"),
        *("envoyé", "envoyé le", "à", "objet", "gesendet", "datum", "an", "betreff", "inviato", "data", "a", "oggetto"),
        *("enviada em", "enviado em", "assunto", "verzonden", "aan", "onderwerp", "skickat", "till", "ämne", "sendt"),
        *("til", "emne", "wysłano", "do", "temat", "发送时间", "收件人", "主题", "日期", "寄件日期", "收件者", "主旨"),
        *("đã gửi", "đến", "chủ đề", "تاريخ", "إلى", "الموضوع", "кому", "дата", "тема", "отправлено"),
    }
)
_HEADERS_WITHIN = 4
_SIGNS = re.compile(r"--|—|–")
_PHONE = re.compile(
    r"sent (?:from|via|with|using) (?:my|yahoo|outlook|mail|proton|gmail|samsung|aol)\b.{0,80}|get outlook for .{0,60}"
    r"|enviado desde mi .{0,60}|envoyé (?:de|depuis) mon .{0,60}|von meinem .{0,60} gesendet"
    r"|inviato da(?:l mio)? .{0,60}|enviado do meu .{0,60}|verzonden vanaf mijn .{0,60}|gesendet (?:von|mit) .{0,60}"
    r"|发自我的.{0,60}",
    re.IGNORECASE,
)


def own_words(text: str) -> str:
    """Return what stands above, between and below quotations, without signatures; "" if nothing.

    Of a quotation that isn't marked line by line it can't be told where it ends: nothing below it is heard.
    """
    lines = [line.strip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    kept: list[str] = []
    at, is_signature = 0, False
    while at < len(lines):
        quoted = _quoted(lines, at)
        if quoted and not _is_marked(lines, at + quoted - 1) and not _is_marked_next(lines, at + quoted):
            break
        if _SIGNS.fullmatch(lines[at]):
            is_signature = True
        is_signature = is_signature and not quoted
        if not (quoted or is_signature or _PHONE.fullmatch(lines[at])):
            kept.append(lines[at])
        at += quoted or 1
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def _quoted(lines: Sequence[str], at: int) -> int:
    """Return over how many lines a quotation, or what introduces one, goes; 0 when none begins here."""
    if _is_marked(lines, at):
        return 2 if _is_broken_on(lines, at) else 1
    return _divider(lines, at) or _introduction(lines, at)


def _is_marked(lines: Sequence[str], at: int) -> bool:
    return lines[at].startswith(">")


def _is_broken_on(lines: Sequence[str], at: int) -> bool:
    """Tell whether a quoted line was too long for a program on the way, which put its end on a line without a mark."""
    rest = lines[at + 1 : at + 3]
    is_between = len(rest) == 2 and bool(rest[0]) and not rest[0].startswith(">") and rest[1].startswith(">")
    return is_between and len(lines[at]) >= _FULL


def _is_marked_next(lines: Sequence[str], at: int) -> bool:
    following = next((line for line in lines[at : at + 50] if line), "")
    return following.startswith(">")


def _divider(lines: Sequence[str], at: int) -> int:
    """Return over how many lines a divider goes, with the headers of the message below it."""
    line = lines[at]
    if len(line) > _LONGEST:
        return 0
    is_dashed = bool(_DASHED.fullmatch(line)) and any(word in line.lower() for word in _OF_AN_ORIGINAL)
    begins = at + 1 if is_dashed or _FORWARDED.fullmatch(line) or _RULE.fullmatch(line) else at
    headers = _headers(lines, begins)
    return begins + headers - at


def _headers(lines: Sequence[str], at: int) -> int:
    """Return over how many lines the headers of a quoted message go; 0 when there are none."""
    begins = next((each for each in range(at, min(at + 3, len(lines))) if lines[each]), at)
    names = [_header(line) for line in lines[begins : begins + _HEADERS_WITHIN]]
    if not names or names[0] not in _FROM:
        return 0
    is_address = bool(_ADDRESS.search(lines[begins][:_LONGEST])) and lines[begins].endswith((">", "]", ")"))
    if not is_address and not any(name in _OTHER_HEADERS for name in names[1:]):
        return 0
    end = begins + 1
    while end < len(lines) and lines[end] and _header(lines[end]) in _OTHER_HEADERS:
        end += 1
    return end - at


def _header(line: str) -> str:
    found = _HEADER.fullmatch(line[:_LONGEST])
    return found.group(1).strip().lower() if found else ""


def _introduction(lines: Sequence[str], at: int) -> int:
    """Return over how many lines “On … wrote:” goes, 0 when it isn't one."""
    part = ""
    for count, line in enumerate(lines[at : at + _MOST_LINES], start=1):
        if not line or line.startswith(">") or len(part) + len(line) > _LONGEST:
            return 0
        part = f"{part} {line}".strip()
        if part.endswith((":", "：")) and _introduces(part, is_alone=count == 1 or _has_date(lines[at])):
            return count
    return 0


def _introduces(part: str, *, is_alone: bool) -> bool:
    """Tell whether a line names who wrote, and when: in words that we know, or by an address and a date."""
    if not any(char.isdigit() or char == "@" for char in part):
        return False
    words = [word.lower() for word in _WORD.findall(part)]
    has_wrote = not _WROTE.isdisjoint(words) or any(word in part for word in _WROTE_UNSPACED)
    is_opened = bool(words) and (part[0].isdigit() or words[0] in _OPENERS)
    if has_wrote and is_opened:
        return True
    return bool(_ADDRESS.search(part)) and (has_wrote or _has_date(part)) and (is_alone or is_opened)


def _has_date(part: str) -> bool:
    return bool(_TIME.search(part) and _YEAR.search(part))
