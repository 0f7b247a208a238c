"""Which blast somebody means."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlmodel import Session

from core.domain.lifecycles import BlastStatus
from core.errors import Invalid, NotFound
from core.usecases import cards
from tests import factories
from tests.factories import NOON


def test_a_name_means_the_blast_that_is_on_its_way_not_a_newer_draft_of_that_name(session: Session) -> None:
    running = factories.blast(session, status=BlastStatus.SENDING)
    factories.blast(session, status=BlastStatus.DRAFT, created_at=NOON + timedelta(hours=1))
    assert cards.find(session, "rent meeting").id == running.id


def test_of_several_that_are_over_a_name_means_the_newest(session: Session) -> None:
    factories.blast(session, status=BlastStatus.FINISHED)
    newest = factories.blast(session, status=BlastStatus.FINISHED, created_at=NOON + timedelta(hours=1))
    assert cards.find(session, "“Rent meeting”").id == newest.id


def test_the_start_of_an_id_is_enough(session: Session) -> None:
    blast = factories.blast(session)
    assert cards.find(session, blast.id.hex[:8]).id == blast.id


def test_four_characters_of_an_id_are_enough_unless_several_start_so(session: Session) -> None:
    first, second, third = (UUID(f"835c{rest}" + "0" * 24) for rest in ("1111", "2222", "2233"))
    factories.blast(session, id=first)
    assert cards.find(session, "835C").id == first
    for each in (second, third):
        factories.blast(session, id=each)
    with pytest.raises(Invalid, match=r"several blasts start with “835c22”\. Write more"):
        cards.find(session, "835c22")
    assert cards.find(session, "835c222").id == second
    with pytest.raises(NotFound):
        cards.find(session, "835")


def test_a_name_goes_before_ids_that_start_so(session: Session) -> None:
    for at in (1, 2):
        factories.blast(session, id=UUID(f"cafe000{at}" + "0" * 24))
    named = factories.blast(session, name="Cafe")
    assert cards.find(session, "cafe").id == named.id


def test_what_is_not_named_or_not_there_is_refused(session: Session) -> None:
    with pytest.raises(Invalid):
        cards.find(session, " ")
    with pytest.raises(NotFound):
        cards.find(session, "Nothing of that name")
