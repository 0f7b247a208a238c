"""What HELP is answered: who we are and how to stop, in words for the audience and the channel of whoever asks."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core.domain import message, tokens
from core.errors import Invalid, NotFound
from core.models import Audience, ChannelName, HelpText, Inbound, Suppression
from core.usecases import answers, audiences, inbox, reach
from core.usecases.answers import Answer

CHANNELS = (ChannelName.SMS, ChannelName.EMAIL)
_LONGEST = 2_000
_USUAL = {
    ChannelName.SMS: (answers.HELP, answers.HELP_ABOUT),
    ChannelName.EMAIL: (answers.HELP_BY_EMAIL, answers.HELP_ABOUT_BY_EMAIL),
}


def put(
    session: Session, body: str, *, audience: str | None, channel: ChannelName, organization: str, now: datetime
) -> HelpText:
    """Say what HELP is answered when somebody of an audience asks; None: when no other text fits.

    Raises:
        Invalid: it doesn't say who we are and how to stop, has an unknown token, or is too long for one text.
        NotFound: there is no such audience.
    """
    body = body.strip()
    _check(body, channel, organization)
    audience_id = audiences.get_by_name(session, audience).id if audience else None
    found = _find(session, audience_id, channel) or HelpText(audience_id=audience_id, channel=channel, updated_at=now)
    found.body, found.updated_at = body, now
    session.add(found)
    session.flush()
    return found


def remove(session: Session, *, audience: str | None, channel: ChannelName) -> None:
    """Let HELP be answered as usual again.

    Raises:
        NotFound: there is no such text, or no such audience.
    """
    found = _find(session, audiences.get_by_name(session, audience).id if audience else None, channel)
    if found is None:
        raise NotFound("There is no such text. `blast help-texts list` shows those there are.")
    session.delete(found)


def listed(session: Session) -> list[tuple[HelpText, str | None]]:
    """Return the texts with the names of their audiences; the ones for everybody come first, with None."""
    rows = session.execute(
        sa.select(HelpText, col(Audience.name))
        .outerjoin(Audience, col(Audience.id) == col(HelpText.audience_id))
        .order_by(sa.func.lower(sa.func.coalesce(col(Audience.name), "")), col(HelpText.channel))
    )
    return [(found, name) for found, name in rows]


def answer(
    session: Session, inbound: Inbound, theirs: Sequence[Audience], *, channel: ChannelName, now: datetime
) -> Answer:
    """Return what somebody is answered who asks for help; `theirs`: the audiences that they are in.

    It is about the blast that they answer: its audiences' text if there is one, else the one for everybody, else the
    usual words with the audiences' names. When nothing has reached them it is about all that they are in.
    """
    blast_id = inbox.about(session, inbound, now=now)
    meant = list(theirs)
    if blast_id is not None:
        reached = set(session.scalars(reach.of_blast(blast_id)))
        meant = [each for each in theirs if each.id in reached]
    plain, about = _USUAL[channel]
    own = _of(session, [each.id for each in meant], channel)
    if own is not None:
        return Answer(own.body, shorter=(plain.words, *plain.shorter), must_fit=True)
    names = answers.listed(_still_wanted(session, inbound.address, meant))
    return about.about(names) if names else plain


def _of(session: Session, audience_ids: Sequence[UUID], channel: ChannelName) -> HelpText | None:
    """Return the text of the first of these audiences that has one, else the one for everybody."""
    found = session.scalars(
        sa.select(HelpText)
        .outerjoin(Audience, col(Audience.id) == col(HelpText.audience_id))
        .where(
            col(HelpText.channel) == channel,
            col(HelpText.audience_id).in_(audience_ids) | col(HelpText.audience_id).is_(None),
        )
        .order_by(col(HelpText.audience_id).is_(None), sa.func.lower(col(Audience.name)))
    )
    return found.first()


def _still_wanted(session: Session, address: str, meant: Sequence[Audience]) -> list[str]:
    """Return the names of the audiences of which somebody is not out of reach."""
    held = session.scalars(sa.select(Suppression).where(col(Suppression.address) == address, reach.IS_ACTIVE)).all()
    if any(each.audience_id is None and each.audience_kind is None for each in held):
        return []
    left = {each.audience_id for each in held}
    kinds = {each.audience_kind for each in held}
    return [each.name for each in meant if each.id not in left and each.kind not in kinds]


def _find(session: Session, audience_id: UUID | None, channel: ChannelName) -> HelpText | None:
    is_it = (col(HelpText.audience_id) == audience_id, col(HelpText.channel) == channel)
    return session.scalars(sa.select(HelpText).where(*is_it)).first()


def _check(body: str, channel: ChannelName, organization: str) -> None:
    if not body or len(body) > _LONGEST:
        raise Invalid(f"Give the answer a text of at most {_LONGEST:,} characters.")
    names = tokens.names(body)
    if names != {"organization"}:
        unknown = names - {"organization"}
        raise Invalid(
            f"The answer may use {{organization}} only, not {{{min(unknown)}}}."
            if unknown
            else "The answer must say who we are: put {organization} into it."
        )
    if "STOP" not in body:
        raise Invalid("The answer must say how to stop: put STOP into it, in capitals.")
    if channel is ChannelName.SMS:
        _require_one_text(body, organization)


def _require_one_text(body: str, organization: str) -> None:
    dear = message.measure(tokens.merge(body, {"organization": "-"})).culprits
    if dear:
        raise Invalid(f"A text message would be dear because of {message.name(dear[0])}. Write the answer without it.")
    size = message.measure(tokens.merge(body, {"organization": answers.called(organization)}))
    if size.segments > 1:
        raise Invalid(
            f"With the organization's name the answer has {size.units:,} characters, and one text has "
            f"{message.GSM_7.alone}. Shorten it."
        )
