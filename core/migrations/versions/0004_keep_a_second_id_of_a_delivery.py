"""Keep a second id of a delivery: sent again, and then the first answer came after all."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column("deliveries", sa.Column("other_sid", sa.String(length=64), nullable=True))
    op.create_index(
        "ix_deliveries_maybe_twice",
        "deliveries",
        ["blast_id"],
        postgresql_where=sa.text("other_sid IS NOT NULL"),
        sqlite_where=sa.text("other_sid IS NOT NULL"),
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_deliveries_maybe_twice", table_name="deliveries")
    op.drop_column("deliveries", "other_sid")
