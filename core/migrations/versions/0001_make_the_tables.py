"""Make the tables."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0001"
down_revision: str | None = None
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


_KEEP_AUDIT = {
    "postgresql": (
        """
        CREATE FUNCTION audit_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'audit entries are kept: they can only be added'; END $$
        """,
        "CREATE TRIGGER audit_kept BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_is_kept()",
        "CREATE TRIGGER audit_not_emptied BEFORE TRUNCATE ON audit EXECUTE FUNCTION audit_is_kept()",
    ),
    "sqlite": tuple(
        f"CREATE TRIGGER audit_kept_{verb.lower()} BEFORE {verb} ON audit "
        "BEGIN SELECT RAISE(ABORT, 'audit entries are kept: they can only be added'); END"
        for verb in ("UPDATE", "DELETE")
    ),
}


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "audiences",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=75), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("community", "event", name="kind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audiences")),
    )
    op.create_index("uq_audiences_lower_name", "audiences", [sa.text("lower(name)")], unique=True)
    op.create_table(
        "provider_health",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("down_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_provider_health")),
    )
    op.create_table(
        "sender_days",
        sa.Column("sender", sa.String(length=64), nullable=False),
        sa.Column("resets_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("sender", "resets_at", name=op.f("pk_sender_days")),
    )
    op.create_table(
        "contacts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phone", sa.String(length=16), nullable=True),
        sa.Column("email", sa.String(length=320), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("first_name", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=35), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("zones", sa.Text(), nullable=False),
        sa.Column("region", sa.String(length=8), nullable=False),
        sa.Column("consent_source", sa.Text(), nullable=False),
        sa.Column("attributes", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("phone IS NOT NULL OR email IS NOT NULL", name=op.f("ck_contacts_reachable")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
        sa.UniqueConstraint("email", name=op.f("uq_contacts_email")),
        sa.UniqueConstraint("phone", name=op.f("uq_contacts_phone")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("payload", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(
            "ix_outbox_due",
            ["due_at"],
            unique=False,
            postgresql_where=sa.text("done_at IS NULL"),
            sqlite_where=sa.text("done_at IS NULL"),
        )

    op.create_table(
        "receipts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("provider_sid", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("error_code", sa.Integer(), nullable=False),
        sa.Column("delivery_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("attempt", sa.SmallInteger(), nullable=True),
        sa.Column("fields", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipts")),
        sa.UniqueConstraint(
            "provider_sid", "status", "error_code", name=op.f("uq_receipts_provider_sid_status_error_code")
        ),
    )
    with op.batch_alter_table("receipts", schema=None) as batch_op:
        batch_op.create_index(
            "ix_receipts_unmatched",
            ["received_at"],
            unique=False,
            postgresql_where=sa.text("delivery_id IS NULL"),
            sqlite_where=sa.text("delivery_id IS NULL"),
        )

    op.create_table(
        "seen_requests",
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_seen_requests")),
    )
    with op.batch_alter_table("seen_requests", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_seen_requests_at"), ["at"], unique=False)

    op.create_table(
        "staff",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("slack_user_id", sa.String(length=32), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "organizer", "approver", "admin", name="role", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff")),
        sa.UniqueConstraint("slack_user_id", name=op.f("uq_staff_slack_user_id")),
    )
    op.create_table(
        "blasts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=150), nullable=False),
        sa.Column(
            "channel",
            sa.Enum("sms", "email", "voice", name="channel", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "draft",
                "in_review",
                "approved",
                "sending",
                "paused",
                "finished",
                "cancelled",
                "expired",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("recipients", sa.Integer(), nullable=False),
        sa.Column("approvals_needed", sa.Integer(), nullable=False),
        sa.Column("send_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("held_reason", sa.Text(), nullable=False),
        sa.Column("resumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "canary",
            sa.Enum("none", "trying", "passed", name="canary", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("card_channel", sa.String(length=32), nullable=False),
        sa.Column("card_ts", sa.String(length=32), nullable=False),
        sa.Column("card_digest", sa.String(length=64), nullable=False),
        sa.Column("tally", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=True),
        sa.CheckConstraint(
            "status IN ('draft', 'cancelled') OR content_hash <> ''", name=op.f("ck_blasts_hashed_when_submitted")
        ),
        sa.CheckConstraint(
            "status NOT IN ('approved', 'sending') OR starts_at IS NOT NULL",
            name=op.f("ck_blasts_starts_when_approved"),
        ),
        sa.CheckConstraint("revision > 0", name=op.f("ck_blasts_revision_positive")),
        sa.ForeignKeyConstraint(["author_id"], ["staff.id"], name=op.f("fk_blasts_author_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blasts")),
    )
    with op.batch_alter_table("blasts", schema=None) as batch_op:
        batch_op.create_index("ix_blasts_status_starts_at", ["status", "starts_at"], unique=False)

    op.create_table(
        "memberships",
        sa.Column("audience_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["audience_id"], ["audiences.id"], name=op.f("fk_memberships_audience_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_memberships_contact_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("audience_id", "contact_id", name=op.f("pk_memberships")),
    )
    with op.batch_alter_table("memberships", schema=None) as batch_op:
        batch_op.create_index("ix_memberships_contact_id", ["contact_id"], unique=False)

    op.create_table(
        "approvals",
        sa.Column("blast_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["blast_id"], ["blasts.id"], name=op.f("fk_approvals_blast_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_approvals_staff_id")),
        sa.PrimaryKeyConstraint("blast_id", "staff_id", "content_hash", "revision", name=op.f("pk_approvals")),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("blast_id", sa.Uuid(), nullable=True),
        sa.Column("fields", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.ForeignKeyConstraint(["blast_id"], ["blasts.id"], name=op.f("fk_audit_blast_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_audit_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_blast_id"), ["blast_id"], unique=False)

    op.create_table(
        "blast_audiences",
        sa.Column("blast_id", sa.Uuid(), nullable=False),
        sa.Column("audience_id", sa.Uuid(), nullable=False),
        sa.Column("is_excluded", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["audience_id"], ["audiences.id"], name=op.f("fk_blast_audiences_audience_id")),
        sa.ForeignKeyConstraint(
            ["blast_id"], ["blasts.id"], name=op.f("fk_blast_audiences_blast_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("blast_id", "audience_id", name=op.f("pk_blast_audiences")),
    )
    op.create_table(
        "conversations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("sender", sa.String(length=64), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column("blast_id", sa.Uuid(), nullable=True),
        sa.Column(
            "status",
            sa.Enum("open", "closed", name="status", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("claimed_by", sa.Uuid(), nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("thread_channel", sa.String(length=32), nullable=False),
        sa.Column("thread_ts", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_inbound_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("nagged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("blast_chosen_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["blast_id"], ["blasts.id"], name=op.f("fk_conversations_blast_id")),
        sa.ForeignKeyConstraint(["claimed_by"], ["staff.id"], name=op.f("fk_conversations_claimed_by")),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_conversations_contact_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversations")),
        sa.UniqueConstraint("address", "sender", name=op.f("uq_conversations_address_sender")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("blast_id", sa.Uuid(), nullable=True),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column("conversation_id", sa.Uuid(), nullable=True),
        sa.Column(
            "kind",
            sa.Enum(
                "blast", "test", "reply", "answer", name="kind", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column(
            "channel",
            sa.Enum("sms", "email", "voice", name="channel", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("sender", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "pending",
                "claimed",
                "accepted",
                "sent",
                "delivered",
                "undelivered",
                "failed",
                "refused",
                "unknown",
                "skipped",
                "cancelled",
                "expired",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "skip_reason",
            sa.Enum(
                "opted_out",
                "unreachable",
                "suppressed",
                "missing_value",
                "too_long",
                "quiet_hours",
                "heard_lately",
                name="skip_reason",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("attempt", sa.SmallInteger(), nullable=False),
        sa.Column("was_resent", sa.Boolean(), nullable=False),
        sa.Column("looks", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("rank", sa.SmallInteger(), nullable=False),
        sa.Column("segments", sa.SmallInteger(), nullable=False),
        sa.Column("provider_sid", sa.String(length=64), nullable=True),
        sa.Column("error_code", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("untraced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(kind = 'blast') = (blast_id IS NOT NULL)", name=op.f("ck_deliveries_copies_have_a_blast")),
        sa.CheckConstraint(
            "(status = 'skipped') = (skip_reason IS NOT NULL)", name=op.f("ck_deliveries_skipped_for_a_reason")
        ),
        sa.CheckConstraint("status <> 'claimed' OR claimed_at IS NOT NULL", name=op.f("ck_deliveries_claimed_when")),
        sa.CheckConstraint("blast_id IS NOT NULL OR body IS NOT NULL", name=op.f("ck_deliveries_something_to_say")),
        sa.ForeignKeyConstraint(["blast_id"], ["blasts.id"], name=op.f("fk_deliveries_blast_id")),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_deliveries_contact_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name=op.f("fk_deliveries_conversation_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_deliveries_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("address", "blast_id", name=op.f("uq_deliveries_address_blast_id")),
    )
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.create_index("ix_deliveries_address_claimed_at", ["address", "claimed_at"], unique=False)
        batch_op.create_index("ix_deliveries_blast_id_status", ["blast_id", "status", "skip_reason"], unique=False)
        batch_op.create_index(
            "ix_deliveries_due",
            ["blast_id", "sender", "priority", "not_before", "id"],
            unique=False,
            postgresql_where=sa.text("status = 'pending'"),
            sqlite_where=sa.text("status = 'pending'"),
        )
        batch_op.create_index(
            "ix_deliveries_closing",
            ["closes_at"],
            unique=False,
            postgresql_where=sa.text("status = 'pending' AND closes_at IS NOT NULL"),
            sqlite_where=sa.text("status = 'pending' AND closes_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_deliveries_ended",
            ["blast_id", "ended_at"],
            unique=False,
            postgresql_where=sa.text("status IN ('delivered', 'undelivered', 'failed', 'refused')"),
            sqlite_where=sa.text("status IN ('delivered', 'undelivered', 'failed', 'refused')"),
        )
        batch_op.create_index(
            "ix_deliveries_leased",
            ["claimed_at"],
            unique=False,
            postgresql_where=sa.text("status IN ('claimed', 'unknown')"),
            sqlite_where=sa.text("status IN ('claimed', 'unknown')"),
        )
        batch_op.create_index(
            "uq_deliveries_provider_sid",
            ["provider_sid"],
            unique=True,
            postgresql_where=sa.text("provider_sid IS NOT NULL"),
            sqlite_where=sa.text("provider_sid IS NOT NULL"),
        )

    op.create_table(
        "inbound",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("provider_sid", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("sender", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("media", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("certainty", sa.String(length=16), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name=op.f("fk_inbound_conversation_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound")),
        sa.UniqueConstraint("provider_sid", name=op.f("uq_inbound_provider_sid")),
    )
    with op.batch_alter_table("inbound", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_inbound_address"), ["address"], unique=False)

    op.create_table(
        "suppressions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column(
            "cause",
            sa.Enum(
                "opt_out", "hard_failure", "manual", name="cause", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("audience_id", sa.Uuid(), nullable=True),
        sa.Column(
            "audience_kind",
            sa.Enum("community", "event", name="audience_kind", native_enum=False, create_constraint=True, length=32),
            nullable=True,
        ),
        sa.Column("error_code", sa.Integer(), nullable=False),
        sa.Column("strikes", sa.Integer(), nullable=False),
        sa.Column("delivery_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("inbound_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["audience_id"], ["audiences.id"], name=op.f("fk_suppressions_audience_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.id"], name=op.f("fk_suppressions_delivery_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["inbound_id"], ["inbound.id"], name=op.f("fk_suppressions_inbound_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_suppressions_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppressions")),
    )
    with op.batch_alter_table("suppressions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_suppressions_created_at"), ["created_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_suppressions_address"), ["address"], unique=False)
        batch_op.create_index(batch_op.f("ix_suppressions_delivery_id"), ["delivery_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_suppressions_inbound_id"), ["inbound_id"], unique=False)
        batch_op.create_index(
            "uq_suppressions_active",
            ["address"],
            unique=True,
            postgresql_where=sa.text("lifted_at IS NULL AND audience_id IS NULL AND audience_kind IS NULL"),
            sqlite_where=sa.text("lifted_at IS NULL AND audience_id IS NULL AND audience_kind IS NULL"),
        )
        batch_op.create_index(
            "uq_suppressions_audience",
            ["address", "audience_id"],
            unique=True,
            postgresql_where=sa.text("lifted_at IS NULL"),
            sqlite_where=sa.text("lifted_at IS NULL"),
        )
        batch_op.create_index(
            "uq_suppressions_kind",
            ["address", "audience_kind"],
            unique=True,
            postgresql_where=sa.text("lifted_at IS NULL"),
            sqlite_where=sa.text("lifted_at IS NULL"),
        )

    op.create_table(
        "bookmarks",
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fields", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_bookmarks")),
    )
    op.create_table(
        "intakes",
        sa.Column(
            "channel",
            sa.Enum("sms", "email", "voice", name="channel", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("processor", sa.String(length=32), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("channel", name=op.f("pk_intakes")),
    )
    op.create_table(
        "webhook_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "channel",
            sa.Enum("sms", "email", "voice", name="channel", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("fields", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_events")),
        sa.UniqueConstraint("channel", "kind", "key", name=op.f("uq_webhook_events_channel_kind_key")),
    )
    with op.batch_alter_table("webhook_events", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_webhook_events_received_at"), ["received_at"], unique=False)
        batch_op.create_index(
            "ix_webhook_events_open",
            ["due_at"],
            unique=False,
            postgresql_where=sa.text("done_at IS NULL"),
            sqlite_where=sa.text("done_at IS NULL"),
        )
    op.create_table(
        "saved_answers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=75), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_saved_answers_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_answers")),
    )
    op.create_index("uq_saved_answers_lower_name", "saved_answers", [sa.text("lower(name)")], unique=True)
    op.create_table(
        "briefings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("audience_id", sa.Uuid(), nullable=True),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("context", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["audience_id"], ["audiences.id"], name=op.f("fk_briefings_audience_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_briefings")),
        sa.UniqueConstraint("audience_id", name=op.f("uq_briefings_audience_id")),
    )
    op.create_table(
        "help_texts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("audience_id", sa.Uuid(), nullable=True),
        sa.Column(
            "channel",
            sa.Enum("sms", "email", "voice", name="channel", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["audience_id"], ["audiences.id"], name=op.f("fk_help_texts_audience_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_help_texts")),
        sa.UniqueConstraint("audience_id", "channel", name=op.f("uq_help_texts_audience_id_channel")),
    )
    op.create_table(
        "topic_questions",
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("sender", sa.String(length=64), nullable=False),
        sa.Column("offered", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_topic_questions")),
    )
    op.create_index(op.f("ix_topic_questions_asked_at"), "topic_questions", ["asked_at"])
    op.create_table(
        "drafts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("inbound_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "outcome",
            sa.Enum(
                "wanted",
                "ready",
                "sent",
                "changed",
                "unused",
                "failed",
                name="outcome",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("model", sa.String(length=128), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name=op.f("fk_drafts_conversation_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["inbound_id"], ["inbound.id"], name=op.f("fk_drafts_inbound_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drafts")),
        sa.UniqueConstraint("inbound_id", name=op.f("uq_drafts_inbound_id")),
    )
    with op.batch_alter_table("drafts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_drafts_conversation_id"), ["conversation_id"], unique=False)

    op.create_table(
        "calls",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("caller_id", sa.Uuid(), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "planned",
                "done",
                "cancelled",
                "missed",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("message_ts", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name=op.f("fk_calls_conversation_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["caller_id"], ["staff.id"], name=op.f("fk_calls_caller_id")),
        sa.ForeignKeyConstraint(["made_by"], ["staff.id"], name=op.f("fk_calls_made_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calls")),
    )
    with op.batch_alter_table("calls", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_calls_conversation_id"), ["conversation_id"], unique=False)
        batch_op.create_index(
            "ix_calls_planned",
            ["at"],
            unique=False,
            postgresql_where=sa.text("status = 'planned'"),
            sqlite_where=sa.text("status = 'planned'"),
        )

    for statement in _KEEP_AUDIT[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    """Take the schema back."""
    op.drop_table("topic_questions")
    for name in (
        "calls",
        "drafts",
        "help_texts",
        "briefings",
        "saved_answers",
        "webhook_events",
        "intakes",
        "bookmarks",
    ):
        op.drop_table(name)
    with op.batch_alter_table("suppressions", schema=None) as batch_op:
        batch_op.drop_index("uq_suppressions_kind")
        batch_op.drop_index("uq_suppressions_audience")
        batch_op.drop_index("uq_suppressions_active")
        batch_op.drop_index(batch_op.f("ix_suppressions_inbound_id"))
        batch_op.drop_index(batch_op.f("ix_suppressions_delivery_id"))
        batch_op.drop_index(batch_op.f("ix_suppressions_created_at"))
        batch_op.drop_index(batch_op.f("ix_suppressions_address"))

    op.drop_table("suppressions")
    with op.batch_alter_table("inbound", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_inbound_address"))

    op.drop_table("inbound")
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_deliveries_provider_sid",
            postgresql_where=sa.text("provider_sid IS NOT NULL"),
            sqlite_where=sa.text("provider_sid IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_deliveries_closing",
            postgresql_where=sa.text("status = 'pending' AND closes_at IS NOT NULL"),
            sqlite_where=sa.text("status = 'pending' AND closes_at IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_deliveries_ended",
            postgresql_where=sa.text("status IN ('delivered', 'undelivered', 'failed', 'refused')"),
            sqlite_where=sa.text("status IN ('delivered', 'undelivered', 'failed', 'refused')"),
        )
        batch_op.drop_index(
            "ix_deliveries_leased",
            postgresql_where=sa.text("status IN ('claimed', 'unknown')"),
            sqlite_where=sa.text("status IN ('claimed', 'unknown')"),
        )
        batch_op.drop_index(
            "ix_deliveries_due",
            postgresql_where=sa.text("status = 'pending'"),
            sqlite_where=sa.text("status = 'pending'"),
        )
        batch_op.drop_index("ix_deliveries_blast_id_status")
        batch_op.drop_index("ix_deliveries_address_claimed_at")

    op.drop_table("deliveries")
    op.drop_table("conversations")
    op.drop_table("blast_audiences")
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_audit_blast_id"))

    op.drop_table("audit")
    op.drop_table("approvals")
    with op.batch_alter_table("memberships", schema=None) as batch_op:
        batch_op.drop_index("ix_memberships_contact_id")

    op.drop_table("memberships")
    with op.batch_alter_table("blasts", schema=None) as batch_op:
        batch_op.drop_index("ix_blasts_status_starts_at")

    op.drop_table("blasts")
    op.drop_table("staff")
    with op.batch_alter_table("seen_requests", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_seen_requests_at"))

    op.drop_table("seen_requests")
    with op.batch_alter_table("receipts", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_receipts_unmatched",
            postgresql_where=sa.text("delivery_id IS NULL"),
            sqlite_where=sa.text("delivery_id IS NULL"),
        )

    op.drop_table("receipts")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_outbox_due", postgresql_where=sa.text("done_at IS NULL"), sqlite_where=sa.text("done_at IS NULL")
        )

    op.drop_table("outbox")
    op.drop_table("contacts")
    op.drop_table("sender_days")
    op.drop_table("provider_health")
    op.drop_table("audiences")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_is_kept()")
