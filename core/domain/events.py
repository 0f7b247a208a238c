"""What has happened, in the past tense: saved with the state it tells of, and told to others by the relay."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened; `name` is its word everywhere, the fields are its payload."""

    name: ClassVar[str]


@dataclass(frozen=True, slots=True)
class BlastEvent(Event):
    """Something that happened to a blast, by a member of staff or (None) by the clock."""

    blast_id: UUID
    by: UUID | None = None
    note: str | None = None


class BlastSubmitted(BlastEvent):
    """A draft was sent to review."""

    name = "blast.submitted"


class BlastApproved(BlastEvent):
    """Enough approvers agreed; it starts when its time has come."""

    name = "blast.approved"


class ChangesRequested(BlastEvent):
    """An approver sent it back to its author, with a note."""

    name = "blast.changes_requested"


class BlastChanged(BlastEvent):
    """Its state moved in a way that only its card needs to show (paused, resumed, undone, one more approval)."""

    name = "blast.changed"


class BlastStarted(BlastEvent):
    """Its recipients were planned and the first messages may leave."""

    name = "blast.started"


class BlastFinished(BlastEvent):
    """Every recipient has been dealt with."""

    name = "blast.finished"


class BlastExpired(BlastEvent):
    """It was found too late to be sent; its author is told."""

    name = "blast.expired"


class BlastCancelled(BlastEvent):
    """Somebody stopped it for good."""

    name = "blast.cancelled"


@dataclass(frozen=True, slots=True)
class MessageReceived(Event):
    """A member wrote in their own words; staff see it in the conversation's thread."""

    name: ClassVar[str] = "message.received"
    inbound_id: int


@dataclass(frozen=True, slots=True)
class PictureReceived(Event):
    """A member's text had a picture, the `number`th of what came along; staff see it in the thread below the text.

    `until`: epoch seconds, after which a failure to fetch it is final.
    """

    name: ClassVar[str] = "picture.received"
    inbound_id: int
    number: int
    until: int


@dataclass(frozen=True, slots=True)
class VoiceReceived(PictureReceived):
    """A member left a message in a call; staff hear it in the thread, below what says so."""

    name: ClassVar[str] = "voice.received"


@dataclass(frozen=True, slots=True)
class RecordingUnwanted(Event):
    """Staff have a message, or nobody may: it is deleted where the provider keeps it."""

    name: ClassVar[str] = "recording.unwanted"
    recording_sid: str


@dataclass(frozen=True, slots=True)
class CallEnded(Event):
    """A member whom staff know called and hung up; unless a message follows, their thread is told."""

    name: ClassVar[str] = "call.ended"
    call_sid: str


@dataclass(frozen=True, slots=True)
class FileErased(Event):
    """What somebody sent was shown, and they were erased since; it goes from Slack as well."""

    name: ClassVar[str] = "file.erased"
    file_id: str


@dataclass(frozen=True, slots=True)
class ConversationChanged(Event):
    """A conversation was claimed, answered, noted, closed or reopened."""

    name: ClassVar[str] = "conversation.changed"
    conversation_id: UUID
    by: UUID | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class ConversationWaiting(Event):
    """A member has waited long for an answer; staff are reminded."""

    name: ClassVar[str] = "conversation.waiting"
    conversation_id: UUID


@dataclass(frozen=True, slots=True)
class CallChanged(Event):
    """A call to a member was planned, done, cancelled or (by the clock) missed."""

    name: ClassVar[str] = "call.changed"
    call_id: UUID
    by: UUID | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class CallDue(Event):
    """The time of a planned call has come; who calls is reminded."""

    name: ClassVar[str] = "call.due"
    call_id: UUID


@dataclass(frozen=True, slots=True)
class CallErased(Event):
    """Whom a shown call was to was erased; its message says no more of it, and offers nothing."""

    name: ClassVar[str] = "call.erased"
    channel: str
    message_ts: str


@dataclass(frozen=True, slots=True)
class BackfillRequested(Event):
    """An admin wants history gone through for opt-outs and dead numbers; they are told what came of it.

    `days`: how far back in the provider's list; None goes through what we keep ourselves.
    """

    name: ClassVar[str] = "backfill.requested"
    slack_user_id: str
    days: int | None = None


@dataclass(frozen=True, slots=True)
class HomeOpened(Event):
    """Somebody looks at the Home tab; `refusal` is what they read instead when they may not use Blast."""

    name: ClassVar[str] = "home.opened"
    slack_user_id: str
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class StaffTold(Event):
    """Something is to be said in Slack: in a channel's thread, or directly to the user whose id is the channel."""

    name: ClassVar[str] = "staff.told"
    channel: str
    text: str
    thread_ts: str | None = None


@dataclass(frozen=True, slots=True)
class ImportRequested(Event):
    """Somebody gave a file of people for an audience; it is fetched and imported, and they are told how that went."""

    name: ClassVar[str] = "import.requested"
    file_id: str
    audience: str
    kind: str
    by: UUID
    slack_user_id: str
