"""views.*: modals opened by a trigger, pushed, updated; Home tabs published."""

from sandbox.slack.calls import Call
from sandbox.slack.state import Slack
from sandbox.slack.views import refuse_problems
from sandbox.slack.wire import Json, Refused, invalid_arguments


def open_modal(slack: Slack, call: Call) -> Json:
    """Open a modal for whoever pulled the trigger."""
    content = call.view()
    refuse_problems(content, "modal")  # a view that is refused leaves the trigger unused
    user_id = slack.triggers.exchange(call.text("trigger_id"))
    return {"view": slack.views.open(user_id, content).as_json()}


def push(slack: Slack, call: Call) -> Json:
    """Put a modal on top of the one that the trigger was pulled in."""
    content = call.view()
    refuse_problems(content, "modal")
    user_id = slack.triggers.exchange(call.text("trigger_id"))
    return {"view": slack.views.push(user_id, content).as_json()}


def update(slack: Slack, call: Call) -> Json:
    """Replace an open modal's content."""
    view_id, external_id = call.text("view_id", ""), call.text("external_id", "")
    if view_id and external_id:
        raise invalid_arguments("Cannot provide both `view_id` and `external_id`")
    if not view_id and not external_id:
        raise invalid_arguments("Must provide either `view_id` or `external_id`")
    content = call.view()
    view = slack.views.find(view_id, external_id)
    if view is None:
        refuse_problems(content, "modal")
        raise Refused("not_found")
    slack.views.update(view, content, seen_hash=call.text("hash", ""))
    return {"view": view.as_json()}


def publish(slack: Slack, call: Call) -> Json:
    """Show somebody a Home tab."""
    person = slack.workspace.person(call.text("user_id"))
    view = slack.views.publish(person.id, call.view(), seen_hash=call.text("hash", ""))
    return {"view": view.as_json()}
