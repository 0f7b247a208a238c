"""From which sender somebody is messaged: the one that they know, else one by the senders' paces, always the same."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlmodel import col

from core.domain.senders import PARTS, Sender, shares
from core.models import Conversation, Delivery

# Spreads neighbouring numbers over all senders; it has no factor in common with PARTS.
_STRIDE = 7919
_DIGITS = 4


def sender_of(who: sa.FromClause, senders: Sequence[Sender]) -> sa.ColumnElement[str]:
    """Return the SQL that picks one of `senders` for each of `who`, by phone number.

    It is the one that they last wrote to, else the one by which they were last messaged, as long as it is in use.
    """
    if len(senders) == 1:
        return sa.literal(senders[0].address)
    in_use = [sender.address for sender in senders]
    return sa.func.coalesce(_written_to(who, in_use), _messaged_by(who, in_use), by_pace(_last_digits(who), senders))


def by_pace(number: sa.SQLColumnExpression[Any], senders: Sequence[Sender]) -> sa.ColumnElement[str]:
    """Return the SQL that picks one of `senders` for a whole number, the faster one for more of them."""
    *first, (last, _) = shares(senders)
    part = (number * _STRIDE) % PARTS
    picked = [(part < bound, sa.literal(sender)) for sender, bound in first]
    return sa.case(*picked, else_=last) if picked else sa.literal(last)


def _written_to(who: sa.FromClause, in_use: Sequence[str]) -> sa.ScalarSelect[str]:
    return (
        sa.select(col(Conversation.sender))
        .where(col(Conversation.address) == who.c.address, col(Conversation.sender).in_(in_use))
        .order_by(col(Conversation.last_inbound_at).desc())
        .limit(1)
        .scalar_subquery()
        .correlate(who)
    )


def _messaged_by(who: sa.FromClause, in_use: Sequence[str]) -> sa.ScalarSelect[str]:
    return (
        sa.select(col(Delivery.sender))
        .where(
            col(Delivery.address) == who.c.address,
            col(Delivery.sender).in_(in_use),
            col(Delivery.claimed_at).is_not(None),
        )
        .order_by(col(Delivery.claimed_at).desc())
        .limit(1)
        .scalar_subquery()
        .correlate(who)
    )


def _last_digits(who: sa.FromClause) -> sa.ColumnElement[int]:
    address: sa.ColumnElement[str] = who.c.address
    return sa.cast(sa.func.substr(address, sa.func.length(address) - (_DIGITS - 1)), sa.Integer())
