"""Audiences are found by name in any case, counted, and never of two kinds."""

import pytest
from sqlmodel import Session

from core.errors import Invalid
from core.models import AudienceKind
from core.usecases import audiences, suppression
from tests import factories
from tests.factories import NOON


def test_an_audience_is_made_once_and_found_in_any_case(session: Session) -> None:
    made = audiences.named(session, "  Tenants   North ", None, now=NOON)
    assert (made.name, made.kind) == ("Tenants North", AudienceKind.COMMUNITY)
    assert audiences.named(session, "TENANTS north", None, now=NOON).id == made.id
    assert audiences.find_by_name(session, "tenants NORTH") == made
    assert audiences.find_by_name(session, "tenants") is None


def test_the_two_kinds_of_pool_never_mix(session: Session) -> None:
    audiences.named(session, "tenants", AudienceKind.COMMUNITY, now=NOON)
    audiences.named(session, "picnic", AudienceKind.EVENT, now=NOON)
    with pytest.raises(Invalid, match="community audience") as refusal:
        audiences.named(session, "Tenants", AudienceKind.EVENT, now=NOON)
    assert refusal.value.field == "audience"
    with pytest.raises(Invalid, match="event"):
        audiences.refuse_mixing(session, "PICNIC", AudienceKind.COMMUNITY)
    assert audiences.named(session, "picnic", None, now=NOON).kind is AudienceKind.EVENT


@pytest.mark.parametrize("name", ["", "  ", "a\x00b", "x" * 76])
def test_a_name_that_cannot_be_shown_is_refused(session: Session, name: str) -> None:
    with pytest.raises(Invalid):
        audiences.named(session, name, None, now=NOON)


def test_members_are_counted_and_those_a_text_would_reach(session: Session) -> None:
    members = [factories.contact(session, number) for number in range(3)]
    members.append(factories.contact(session, phone=None, email="jane@example.org"))
    factories.audience(session, "tenants", members)
    empty = factories.audience(session, "Empty")
    suppression.opt_out(session, factories.phone(0), source="inbound", now=NOON)
    found = [(each.audience.name, each.members, each.textable) for each in audiences.listing(session)]
    assert found == [("Empty", 0, 0), ("tenants", 4, 2)]
    assert [each.audience.name for each in audiences.listing(session, ids=[empty.id])] == ["Empty"]
