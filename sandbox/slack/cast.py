"""The people and channels of the workspace, the same at every start."""

from dataclasses import dataclass, field

from sandbox.slack.wire import BOT_ID, BOT_USER, OTHER_TEAM, SLACKBOT, Json


@dataclass
class Person:
    """A member of the workspace, or a stranger seen through a shared channel."""

    id: str
    name: str
    real_name: str
    team_id: str
    is_bot: bool = False
    is_admin: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    deleted: bool = False
    is_stranger: bool = False
    tz: str = "America/New_York"

    def shown(self) -> Json:
        """Return what the sandbox's page needs to know."""
        names = ("id", "name", "real_name", "is_bot", "is_restricted", "is_ultra_restricted", "deleted", "is_stranger")
        return {name: getattr(self, name) for name in names}

    def as_json(self) -> Json:
        """Return the user object that users.info answers with, without an e-mail address (that scope isn't granted)."""
        profile = {"real_name": self.real_name, "display_name": self.name, "team": self.team_id, "status_text": ""}
        common = {
            "id": self.id, "team_id": self.team_id, "name": self.name, "deleted": self.deleted, "profile": profile,
            "is_bot": self.is_bot, "is_app_user": False, "updated": 1_700_000_000,
        }  # fmt: skip
        if self.deleted:
            return common
        roles = {
            "is_admin": self.is_admin, "is_owner": False, "is_primary_owner": False,
            "is_restricted": self.is_restricted, "is_ultra_restricted": self.is_ultra_restricted,
        }  # fmt: skip
        zone = {"tz": self.tz, "tz_label": "Eastern Standard Time", "tz_offset": -18_000}
        stranger = {"is_stranger": True} if self.is_stranger else {}
        bot = {"bot_id": BOT_ID} if self.id == BOT_USER else {}
        profile.update(bot)
        return {**common, "real_name": self.real_name, "color": "9f69e7", **zone, **roles, **stranger}


@dataclass
class Channel:
    """A channel or direct message with its messages by timestamp, oldest first."""

    id: str
    name: str
    members: list[str]
    is_ext_shared: bool = False
    is_archived: bool = False
    direct_with: str | None = None
    messages: dict[str, Json] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """Return Slack's channel_type."""
        return "im" if self.direct_with else "channel"

    def as_json(self, team_id: str) -> Json:
        """Return the conversation object that conversations.info answers with."""
        common = {"id": self.id, "created": 1_700_000_000, "is_archived": self.is_archived, "is_org_shared": False}
        if self.direct_with:
            return {**common, "is_im": True, "user": self.direct_with, "is_user_deleted": False, "priority": 0}
        kinds = {"is_channel": True, "is_group": False, "is_im": False, "is_mpim": False, "is_private": False}
        shared = {
            "is_shared": self.is_ext_shared, "is_ext_shared": self.is_ext_shared, "is_pending_ext_shared": False,
            "shared_team_ids": [team_id, OTHER_TEAM] if self.is_ext_shared else [team_id],
        }  # fmt: skip
        texts = {name: {"value": "", "creator": "", "last_set": 0} for name in ("topic", "purpose")}
        own = {"name": self.name, "name_normalized": self.name, "creator": "U0ADMIN", "context_team_id": team_id}
        return {
            **common, **kinds, **shared, **texts, **own, "is_general": self.id == "C0GENERAL",
            "is_member": BOT_USER in self.members, "num_members": len(self.members), "unlinked": 0,
        }  # fmt: skip


def people(team_id: str) -> dict[str, Person]:
    """Return everybody by id."""
    everybody = [
        Person("U0ORGANIZER", "organizer", "Organizer", team_id),
        Person("U0APPROVER", "approver", "Approver", team_id),
        Person("U0APPROVER2", "approver2", "Second approver", team_id),
        Person("U0ADMIN", "admin", "Admin", team_id, is_admin=True),
        Person("U0GUEST", "guest", "Guest", team_id, is_restricted=True),
        Person("U0STRANGER", "stranger", "Stranger", OTHER_TEAM, is_stranger=True),
        Person("U0DELETED", "deleted", "Deleted member", team_id, deleted=True),
        Person(BOT_USER, "blast", "Blast", team_id, is_bot=True),
        Person(SLACKBOT, "slackbot", "Slackbot", team_id),
    ]
    return {person.id: person for person in everybody}


def channels() -> dict[str, Channel]:
    """Return all channels by id."""
    staff = ["U0ORGANIZER", "U0APPROVER", "U0APPROVER2", "U0ADMIN"]
    everywhere = [
        # A guest may be invited to see the cards; pressing their buttons is for the bot to refuse.
        Channel("C0APPROVALS", "blast-approvals", [*staff, "U0GUEST", BOT_USER]),
        Channel("C0REPLIES", "blast-replies", [*staff, BOT_USER]),
        Channel("C0GENERAL", "general", [*staff, "U0GUEST", BOT_USER]),
        Channel("C0OUTSIDE", "outside", list(staff)),
        Channel("C0SHARED", "shared", [*staff, "U0STRANGER", BOT_USER], is_ext_shared=True),
    ]
    return {channel.id: channel for channel in everywhere}
