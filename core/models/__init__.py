"""The tables: nouns with their constraints, no behaviour that needs a database."""

from core.models.audit import AuditEntry
from core.models.blast import Approval, Blast, BlastAudience, CanaryStatus, ChannelName
from core.models.conversation import Conversation, ConversationStatus, Inbound
from core.models.delivery import Delivery, DeliveryKind, Receipt, SkipReason
from core.models.outbox import OutboxEvent, SeenRequest
from core.models.people import Audience, AudienceKind, Contact, Membership, Role, Staff
from core.models.suppression import Suppression, SuppressionCause

__all__ = [
    "Approval",
    "Audience",
    "AudienceKind",
    "AuditEntry",
    "Blast",
    "BlastAudience",
    "CanaryStatus",
    "ChannelName",
    "Contact",
    "Conversation",
    "ConversationStatus",
    "Delivery",
    "DeliveryKind",
    "Inbound",
    "Membership",
    "OutboxEvent",
    "Receipt",
    "Role",
    "SeenRequest",
    "SkipReason",
    "Staff",
    "Suppression",
    "SuppressionCause",
]
