"""Who can be texted back: there is a number, they haven't opted out, and the provider lets our texts through."""

from sqlmodel import Session

from core.domain import senders, voice
from core.errors import NotAllowed
from core.models import Conversation
from core.usecases import provider_blocks, suppression

_NO_EMAIL = (
    "They wrote by e-mail, and Blast can't send e-mails. Nothing was sent. Answer from your mailbox, and write a note "
    "here, so that the others know."
)
_BLOCKED = "They texted STOP, and the provider blocks our texts until they text START themselves. Nothing was sent."


def require(session: Session, conversation: Conversation) -> None:
    """Refuse to text back who can't be, or must not.

    Raises:
        NotAllowed: there is no number, they are suppressed, or the provider blocks our texts to them.
    """
    # Before the way to answer: who opted out isn't to be answered from a mailbox either.
    if suppression.active(session, conversation.address):
        raise NotAllowed("They must not be texted: they opted out, or their number is blocked. Nothing was sent.")
    if is_by_email(conversation):
        raise NotAllowed(_NO_EMAIL)
    if not can_be_texted(conversation):
        raise NotAllowed("They called and withheld their number, so there is none to text. Nothing was sent.")
    if is_blocked(session, conversation):
        raise NotAllowed(_BLOCKED)


def is_by_email(conversation: Conversation) -> bool:
    """Tell whether a conversation is by e-mail, which is answered from a mailbox."""
    return conversation.sender == senders.EMAIL


def can_be_texted(conversation: Conversation) -> bool:
    """Tell whether there is a number to text: not by e-mail, nor of a call that withheld it."""
    return not is_by_email(conversation) and not voice.is_withheld(conversation.address)


def is_blocked(session: Session, conversation: Conversation) -> bool:
    """Tell whether the provider lets nothing through from the number that they write to."""
    return conversation.sender in provider_blocks.senders(session, conversation.address)
