"""The tables: nouns with their constraints, no behaviour that needs a database."""

from core.models.answering import Briefing, Draft, DraftOutcome, HelpText, SavedAnswer
from core.models.audit import AuditEntry
from core.models.blast import Approval, Blast, BlastAudience, CanaryStatus, ChannelName
from core.models.bookmark import Bookmark
from core.models.call import Call, CallStatus, IncomingCall
from core.models.conversation import Conversation, ConversationStatus, Inbound, TopicQuestion
from core.models.delivery import Delivery, DeliveryKind, Receipt, SkipReason
from core.models.event import Intake, WebhookEvent
from core.models.health import ProviderHealth, SenderDay
from core.models.outbox import OutboxEvent, SeenRequest
from core.models.people import Audience, AudienceKind, Contact, Membership, Role, Staff
from core.models.suppression import ProviderBlock, Suppression, SuppressionCause

__all__ = [
    "Approval",
    "Audience",
    "AudienceKind",
    "AuditEntry",
    "Blast",
    "BlastAudience",
    "Bookmark",
    "Briefing",
    "Call",
    "CallStatus",
    "CanaryStatus",
    "ChannelName",
    "Contact",
    "Conversation",
    "ConversationStatus",
    "Delivery",
    "DeliveryKind",
    "Draft",
    "DraftOutcome",
    "HelpText",
    "Inbound",
    "IncomingCall",
    "Intake",
    "Membership",
    "OutboxEvent",
    "ProviderBlock",
    "ProviderHealth",
    "Receipt",
    "Role",
    "SavedAnswer",
    "SeenRequest",
    "SenderDay",
    "SkipReason",
    "Staff",
    "Suppression",
    "SuppressionCause",
    "TopicQuestion",
    "WebhookEvent",
]
