"""The modals that people have open, at most three on top of each other, and their Home tabs."""

import copy
import time
from dataclasses import dataclass, field

from sandbox.slack import view_kit, view_state
from sandbox.slack.block_kit import Surface
from sandbox.slack.wire import APP_ID, BOT_ID, Json, Refused, invalid_arguments, random_id, random_word
from sandbox.slack.workspace import identified
from sandbox.traffic import Feed

MOST_STACKED = 3
_DEFAULTS: Json = {
    "private_metadata": "", "callback_id": "", "title": None, "clear_on_close": False, "notify_on_close": False,
    "close": None, "submit": None, "external_id": "",
}  # fmt: skip


@dataclass
class View:
    """One view with what its inputs hold."""

    id: str
    user_id: str
    team_id: str
    content: Json
    root_id: str
    previous_id: str | None = None
    hash: str = ""
    values: Json = field(default_factory=dict)
    suggested: dict[tuple[str, str], list[Json]] = field(default_factory=dict)

    def fill(self, content: Json) -> None:
        """Give the view new content; what was typed stays where block_id and action_id stay."""
        self.content = {**_DEFAULTS, **content, "blocks": identified(content["blocks"])}
        self.values = view_state.carried_over(self.values, self.content["blocks"])
        self.hash = f"{int(time.time())}.{random_word(8)}"

    def as_json(self) -> Json:
        """Return the view as Slack sends it."""
        return {
            "id": self.id,
            "team_id": self.team_id,
            **self.content,
            "state": {"values": self.values},
            "hash": self.hash,
            "previous_view_id": self.previous_id,
            "root_view_id": self.root_id,
            "app_id": APP_ID,
            "app_installed_team_id": self.team_id,
            "bot_id": BOT_ID,
        }


class Views:
    """All open views; tells the feed of every change."""

    def __init__(self, team_id: str, feed: Feed) -> None:
        self.stacks: dict[str, list[View]] = {}
        self.homes: dict[str, View] = {}
        self._team_id = team_id
        self._feed = feed

    def open(self, user_id: str, content: Json) -> View:
        """Open a modal as the only one of this person."""
        self._check(content)
        view = self._new(user_id, content)
        self.stacks[user_id] = [view]
        self.tell(user_id)
        return view

    def push(self, user_id: str, content: Json) -> View:
        """Put a modal on top of the open ones.

        Raises:
            Refused: three are open already, none is, or Slack would not take this one.
        """
        stack = self.stacks.get(user_id, [])
        if not stack:
            raise Refused("not_found")
        if len(stack) >= MOST_STACKED:
            raise Refused("push_limit_reached")
        self._check(content)
        view = self._new(user_id, content, below=stack[-1])
        stack.append(view)
        self.tell(user_id)
        return view

    def update(self, view: View, content: Json, *, seen_hash: str | None = None) -> None:
        """Replace what a view shows.

        Raises:
            Refused: somebody updated it since `seen_hash`, or Slack would not take the new content.
        """
        if seen_hash and seen_hash != view.hash:
            raise Refused("hash_conflict")
        self._check(content, instead_of=view)
        view.fill(content)
        self.tell(view.user_id)

    def publish(self, user_id: str, content: Json, *, seen_hash: str | None = None) -> View:
        """Show somebody a Home tab."""
        refuse_problems(content, "home")
        view = self.homes.get(user_id)
        if view is None:
            view = self._new(user_id, content)
        elif seen_hash and seen_hash != view.hash:
            raise Refused("hash_conflict")
        else:
            view.fill(content)
        self.homes[user_id] = view
        self.tell_of(view)
        return view

    def close(self, view: View) -> None:
        """Close a modal; those below it come back."""
        stack = self.stacks.get(view.user_id, [])
        if view in stack:
            stack.remove(view)
        self.tell(view.user_id)

    def clear(self, user_id: str) -> list[View]:
        """Close all modals of a person; return them."""
        closed = self.stacks.pop(user_id, [])
        self.tell(user_id)
        return closed

    def find(self, view_id: str = "", external_id: str = "") -> View | None:
        """Return an open modal by its id or the app's own."""
        for stack in self.stacks.values():
            for view in stack:
                if (view_id and view.id == view_id) or (external_id and view.content["external_id"] == external_id):
                    return view
        return None

    def of_person(self, user_id: str, view_id: str) -> View | None:
        """Return a modal or Home tab that this person sees."""
        seen = [*self.stacks.get(user_id, []), *([self.homes[user_id]] if user_id in self.homes else [])]
        return next((view for view in seen if view.id == view_id), None)

    def tell(self, user_id: str) -> None:
        """Tell the feed what this person's modals look like now."""
        self._feed.publish("slack.views", {"user": user_id, "views": self.shown(user_id)})

    def tell_of(self, view: View) -> None:
        """Tell the feed what one view looks like now, be it a modal or a Home tab."""
        if self.homes.get(view.user_id) is view:
            self._feed.publish("slack.home", {"user": view.user_id, "view": copy.deepcopy(view.as_json())})
        else:
            self.tell(view.user_id)

    def shown(self, user_id: str) -> list[Json]:
        """Return a copy of this person's modals, the lowest first."""
        return [copy.deepcopy(view.as_json()) for view in self.stacks.get(user_id, [])]

    def _new(self, user_id: str, content: Json, below: View | None = None) -> View:
        view_id = random_id("V")
        root_id = below.root_id if below else view_id
        view = View(view_id, user_id, self._team_id, {}, root_id, below.id if below else None)
        view.fill(content)
        return view

    def _check(self, content: Json, instead_of: View | None = None) -> None:
        refuse_problems(content, "modal")
        external_id = content.get("external_id")
        namesake = self.find(external_id=external_id) if external_id else None
        if namesake is not None and namesake is not instead_of:
            raise Refused("duplicate_external_id")


def refuse_problems(content: Json, surface: Surface) -> None:
    """Refuse a view that Slack would refuse."""
    found = view_kit.problems(content, surface)
    if found:
        raise invalid_arguments(*found)
    if view_kit.is_too_large(content):
        raise Refused("view_too_large")
