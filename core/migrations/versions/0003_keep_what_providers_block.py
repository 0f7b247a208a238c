"""Keep which addresses a provider blocks by itself, since its owner texted STOP there."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

# Twilio's own words, as they were when this was written.
_KNOWN = """
    INSERT INTO provider_blocks (address, sender, since)
    SELECT inbound.address, inbound.sender, max(inbound.received_at)
    FROM inbound
    JOIN suppressions ON suppressions.address = inbound.address AND suppressions.lifted_at IS NULL
        AND suppressions.audience_id IS NULL AND suppressions.audience_kind IS NULL
    WHERE lower(trim(inbound.body))
            IN ('stop', 'unsubscribe', 'end', 'quit', 'stopall', 'cancel', 'revoke', 'optout')
        AND inbound.sender NOT LIKE '%:%' AND inbound.sender <> 'email'
    GROUP BY inbound.address, inbound.sender
"""
_REFUSED = """
    INSERT INTO provider_blocks (address, sender, since)
    SELECT suppressions.address, deliveries.sender, max(suppressions.created_at)
    FROM suppressions JOIN deliveries ON deliveries.id = suppressions.delivery_id
    WHERE suppressions.error_code = 21610 AND suppressions.lifted_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM provider_blocks
            WHERE provider_blocks.address = suppressions.address AND provider_blocks.sender = deliveries.sender)
    GROUP BY suppressions.address, deliveries.sender
"""


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "provider_blocks",
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("sender", sa.String(length=64), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("address", "sender", name=op.f("pk_provider_blocks")),
    )
    op.execute(_KNOWN)
    op.execute(_REFUSED)


def downgrade() -> None:
    """Take the schema back."""
    op.drop_table("provider_blocks")
