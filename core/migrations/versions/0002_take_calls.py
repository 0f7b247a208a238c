"""Take calls: a table for those that come in, and who takes them."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Make the table, and name the processor of calls unless somebody has named one."""
    op.create_table(
        "incoming_calls",
        sa.Column("sid", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("number", sa.String(length=64), nullable=False),
        sa.Column("came_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opted_out_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recording_sid", sa.String(length=64), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("sid", name=op.f("pk_incoming_calls")),
    )
    op.create_index(op.f("ix_incoming_calls_address"), "incoming_calls", ["address"])
    op.create_index(op.f("ix_incoming_calls_came_at"), "incoming_calls", ["came_at"])
    op.execute(
        "INSERT INTO intakes (channel, processor, is_active) VALUES ('voice', 'voice', true) ON CONFLICT DO NOTHING"
    )


def downgrade() -> None:
    """Drop the table; events of calls that were kept stay, for a person."""
    op.execute("DELETE FROM intakes WHERE channel = 'voice'")
    op.drop_table("incoming_calls")
