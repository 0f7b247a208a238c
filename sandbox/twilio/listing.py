"""Lists messages, newest first, by To, From and day, page by page."""

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from itertools import islice, takewhile
from urllib.parse import urlencode

from sandbox.twilio import errors, resource
from sandbox.twilio.account import Account
from sandbox.twilio.errors import Refusal
from sandbox.twilio.ledger import Message
from sandbox.twilio.numbers import is_number
from sandbox.twilio.sending import Form

PAGE_SIZE = 50
LARGEST_PAGE = 1_000
_FILTERS = ("To", "From", "DateSent", "DateSent<", "DateSent>")


def page(account: Account, form: Form) -> dict[str, object] | Refusal:
    """Return one page of the messages that the query's filters let through."""
    query = {name: values[0] for name, values in form.items() if values[0]}
    size, number = _whole(query, "PageSize", PAGE_SIZE), _whole(query, "Page", 0)
    if size < 1 or number < 0:
        return errors.bad_parameter("PageSize" if size < 1 else "Page")
    size = min(size, LARGEST_PAGE)
    try:
        days = {name: _day(query[name]) for name in _FILTERS[2:] if name in query}
        shown, has_more = _cut(account, query, days, size=size)
    except ValueError:
        return errors.bad_parameter("DateSent or PageToken")
    return _envelope(account, query, shown, number=number, size=size, has_more=has_more)


def _cut(account: Account, query: dict[str, str], days: dict[str, date], *, size: int) -> tuple[list[int], bool]:
    """Return the orders on a page and whether there are older ones; tokens name the last (PA) or first (PB) seen."""
    token = query.get("PageToken", "")
    seen = account.ledger.order(token[2:]) if token else None
    if token and seen is None:
        raise ValueError(token)
    if seen is not None and token.startswith("PB"):
        newer = takewhile(lambda order: order > seen, _matching(account, query, days, before=None))
        return list(deque(newer, maxlen=size)), True
    found = list(islice(_matching(account, query, days, before=seen), size + 1))
    return found[:size], len(found) > size


def _matching(account: Account, query: dict[str, str], days: dict[str, date], *, before: int | None) -> Iterator[int]:
    ledger, own = account.ledger, account.senders()
    to, sender = query.get("To", ""), query.get("From", "")
    member = next((number for number in (to, sender) if number and number not in own), "")
    candidates: Iterable[int]
    if member:
        candidates = ledger.of_phone(member, before=before) if is_number(member) else ()
    else:
        candidates = ledger.newest_first(before=before)
    for order in candidates:
        if _matches(ledger.read(order), to, sender, days):
            yield order


def _matches(message: Message, to: str, sender: str, days: dict[str, date]) -> bool:
    ends = (message.sender, message.member) if message.direction == "inbound" else (message.member, message.sender)
    if (to and ends[0] != to) or (sender and ends[1] != sender):
        return False
    if days and not message.sent_at and message.direction != "inbound":
        return False  # what waits in the queue has no such date yet
    sent_on = datetime.fromtimestamp(message.sent_at or message.created_at, UTC).date()
    is_on = days.get("DateSent", sent_on) == sent_on
    # Both ends count as "on or", with a day's precision, whatever time was asked for.
    return is_on and days.get("DateSent>", sent_on) <= sent_on <= days.get("DateSent<", sent_on)


def _envelope(
    account: Account, query: dict[str, str], shown: list[int], *, number: int, size: int, has_more: bool
) -> dict[str, object]:
    filters = {name: query[name] for name in _FILTERS if name in query} | {"PageSize": str(size)}
    path = f"/{resource.API_VERSION}/Accounts/{account.sid}/Messages.json"

    def uri(page_number: int, token: str = "") -> str:
        place = {"Page": str(page_number)} | ({"PageToken": token} if token else {})
        return f"{path}?{urlencode(filters | place)}"

    messages = [account.ledger.read(order) for order in shown]
    next_uri = uri(number + 1, f"PA{messages[-1].sid}") if has_more and messages else None
    previous_uri = uri(number - 1, f"PB{messages[0].sid}") if number and messages else None
    return {
        "messages": [resource.render(account.sid, message) for message in messages],
        "first_page_uri": uri(0),
        "next_page_uri": next_uri,
        "previous_page_uri": previous_uri,
        "uri": uri(number, query.get("PageToken", "")),
        "page": number,
        "page_size": size,
        "start": number * size,
        "end": number * size + max(len(messages) - 1, 0),
    }


def _whole(query: dict[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1


def _day(text: str) -> date:
    return date.fromisoformat(text[:10])
