"""As the provider sees it: workers keep the rate and use it, replies overtake, blasts share, STOP and pause win."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from time import time
from typing import Any
from uuid import UUID

import pytest

from core.clock import utc_now
from core.models import DeliveryKind
from core.usecases import sending
from deploy import ports
from sandbox.story.stand_ins import StandIns
from tests import databases, factories
from tests.chaos import site as sites
from tests.chaos.site import Site, phones

pytestmark = [pytest.mark.journey, pytest.mark.slow]

RATE = 60
MOST_PER_WINDOW = RATE + max(1, RATE * 0.02)
LEAST_USED = 0.97
STOPS = 200


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two workers and two clocks on one PostgreSQL and one Redis."""
    copies: databases.PostgresqlCopies = request.getfixturevalue("_postgresql_copies")
    folder = tmp_path_factory.mktemp("site")
    with (
        copies.fresh() as url,
        sites.opened(
            folder, url, clocks=2, niceness=-10, settings={"SENDER_RATE": str(RATE), "MAX_IN_FLIGHT": "50"}
        ) as up,
    ):
        yield up


def texts(site: Site, *, after: int = -1) -> list[dict[str, Any]]:
    """Return what the provider took after the text numbered `after`."""
    page: list[dict[str, Any]] = site.stand_ins.ask("GET", f"/ui/ledger/messages?after={after}&limit=10000")["messages"]
    return page


def latest(site: Site) -> int:
    """Return the number of the last text that the provider took."""
    total: int = site.stand_ins.ledger()["messages_total"]
    return total - 1


def wait_for(site: Site, count: int, *, after: int, seconds: float = 30) -> list[dict[str, Any]]:
    assert ports.wait_until(lambda: latest(site) - after >= count, seconds=seconds, step_seconds=0.1)
    return texts(site, after=after)


def busiest(site: Site, taken: list[dict[str, Any]]) -> int:
    """Return the most segments that certainly came within a second, from the first of these texts on."""
    found = site.stand_ins.ask("GET", f"/ui/ledger/windows?since={taken[0]['order']}")["senders"]
    return max(int(one["max_segments"]) for one in found.values())


def used(taken: list[dict[str, Any]]) -> float:
    """Return the share of the rate that was used, from the first text to the last."""
    return sum(int(text["segments"]) for text in taken[:-1]) / float(taken[-1]["at"] - taken[0]["at"]) / RATE


TRIES = 3


@pytest.mark.parametrize("lengths", [(1,), (1, 2, 1, 3)], ids=["short texts", "texts of several segments"])
def test_two_workers_keep_the_rate_in_every_second_and_use_it(site: Site, lengths: tuple[int, ...]) -> None:
    # A text leaves whole: the last one in a window may reach beyond it.
    most = MOST_PER_WINDOW + max(lengths) - 1
    tries = []
    for number in range(TRIES):  # where many things run at once, the way to the stand-in is held up, too
        taken = rate_of(site, lengths, first=1_000 * len(lengths) + 500 * number)
        tries.append((busiest(site, taken), used(taken)))
        if tries[-1][0] <= most and tries[-1][1] >= LEAST_USED:
            return
    raise AssertionError(f"most segments in a second, and share of the rate: {tries}, at most {most}")


def rate_of(site: Site, lengths: tuple[int, ...], *, first: int) -> list[dict[str, Any]]:
    """Send five seconds' worth of texts of these many segments; return what the provider took."""
    settle_down(site)
    before, count = latest(site), 5 * RATE * len(lengths) // sum(lengths)
    notes = ["x" * (150 * length - 100) for length in lengths]
    site.begin(phones(count, first=first), body="To you: {note|all}", notes=notes)
    taken = wait_for(site, count, after=before)
    assert len({text["to"] for text in taken}) == count
    assert {text["segments"] for text in taken} == set(lengths)
    return taken


def settle_down(site: Site) -> None:
    """Wait until nothing of the test before is on its way."""
    assert ports.wait_until(lambda: site.claimed() == 0, seconds=10)


def test_a_reply_overtakes_a_running_blast(site: Site) -> None:
    settle_down(site)
    before = latest(site)
    blast_id = site.begin(phones(300, first=10_000), body="The rent meeting is on Monday.")
    wait_for(site, RATE, after=before)
    late_s = [reply_s(site, phone) for phone in phones(5, first=20_000)]
    assert not site.is_over(blast_id)
    site.pause(blast_id)
    assert max(late_s) <= 1, late_s


def reply_s(site: Site, phone: str) -> float:
    """Queue a reply, as staff do; return how long it took until the provider had it."""
    before = latest(site)
    with site.session() as session:
        told = "See you there."
        sending.queue(
            session, kind=DeliveryKind.REPLY, address=phone, body=told, sender=factories.SENDER, now=utc_now()
        )
    since = time()
    assert ports.wait_until(lambda: at_of(site, phone, before) is not None, seconds=5)
    return (at_of(site, phone, before) or 0) - since


def at_of(site: Site, phone: str, before: int) -> float | None:
    return next((float(text["at"]) for text in texts(site, after=before) if text["to"] == phone), None)


def test_two_blasts_share_a_sender_and_a_pause_is_felt_within_a_second(site: Site) -> None:
    settle_down(site)
    before, crowds = latest(site), [phones(300, first=30_000), phones(400, first=40_000)]
    paused, other = (site.begin(crowd, body=f"To all of {number}.") for number, crowd in enumerate(crowds))
    assert ports.wait_until(lambda: count_of(site, crowds[1], before) >= 1, seconds=10)
    running = latest(site)
    first, second = (
        sum(text["to"] in set(crowd) for text in wait_for(site, 2 * RATE, after=running)) for crowd in crowds
    )
    assert abs(first - second) <= 0.2 * (first + second), (first, second)
    site.pause(paused)
    since = time()
    wait_for(site, 3 * RATE, after=latest(site))
    taken = texts(site, after=running)
    assert max(text["at"] - since for text in taken if text["to"] in set(crowds[0])) <= 1
    late = [text for text in taken if text["at"] > since + 1]
    assert used(late) >= LEAST_USED - 0.05, "what one leaves, the other takes"
    site.pause(other)


def count_of(site: Site, crowd: list[str], before: int) -> int:
    return sum(text["to"] in set(crowd) for text in texts(site, after=before))


def test_after_a_stop_was_answered_nothing_more_reaches_that_phone(site: Site) -> None:
    settle_down(site)
    crowd = phones(STOPS + 40, first=50_000)
    before, blast_id = latest(site), site.begin(crowd, body="The rent meeting is on Monday.")
    wait_for(site, 1, after=before)
    chance = random.Random(4)
    whom = chance.sample(crowd, STOPS)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda phone: stop(site, phone), whom))
        assert ports.wait_until(lambda: goes_on(site, blast_id), seconds=30, step_seconds=0.05)
    assert {answer["status"] for answer in answers} == {200}
    taken = texts(site, after=before)
    reached = {text["to"] for text in taken}
    assert set(crowd) - set(whom) <= reached
    assert 0 < len(reached & set(whom)) < STOPS, "all of the STOPs came too early or too late to show anything"
    assert site.stand_ins.ledger()["after_stop"] == 0


def stop(site: Site, phone: str) -> dict[str, Any]:
    """Text STOP as a member; each thread has a connection of its own."""
    return StandIns(site.stand_ins.url).text(phone, "STOP")


def goes_on(site: Site, blast_id: UUID) -> bool:
    """Let the blast go on whenever so many opt-outs have held it; tell whether all of it has left."""
    site.resume(blast_id)
    return site.pending(blast_id) == 0
