"""A request is posted once, on kept connections; and it is known whether it can have left."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from time import monotonic

import pytest
import uvicorn
import uvloop

from core.channels.posting import AnswerLost, Line, NoConnection, Poster
from core.domain.channel import TooLate
from deploy import ports

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


class Site:
    """A server that answers each connection's requests with the given bytes, in turn; an empty answer closes it."""

    def __init__(self, *answers: bytes) -> None:
        self._all_answers = answers
        self.begin()

    def begin(self) -> None:
        """Forget what was."""
        self.answers = list(self._all_answers)
        self.connections = 0
        self.requests: list[bytes] = []
        self._talks: list[asyncio.Task[None] | None] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._talks.append(asyncio.current_task())
        self.connections += 1
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await self.answer(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def ended(self) -> None:
        """Wait until all connections are closed."""
        await asyncio.gather(*filter(None, self._talks))

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (head := await reader.readuntil(b"\r\n\r\n")) and self.answers:
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            self.requests.append(head + await reader.readexactly(length))
            answer = self.answers.pop(0)
            writer.write(answer)
            if not answer or b"Connection: close" in answer:
                break


Talk = Callable[[Poster], Coroutine[object, object, None]]


def told(site: Site, talk: Talk, *, answer_s: float = 5) -> None:
    """Start the server, and let `talk` post to it, on the loop that workers use and on Python's own."""
    for make_loop in (uvloop.new_event_loop, asyncio.new_event_loop):
        site.begin()
        with asyncio.Runner(loop_factory=make_loop) as runner:
            runner.run(posting(site, talk, answer_s=answer_s))


async def posting(site: Site, talk: Talk, *, answer_s: float) -> None:
    """Let `talk` post to the site."""
    server = await asyncio.start_server(site.serve, ports.LOOPBACK, 0)
    port = server.sockets[0].getsockname()[1]
    poster = Poster(
        f"http://{ports.LOOPBACK}:{port}/a?b=c", {"X-Us": "yes"}, connect_s=1, answer_s=answer_s, keep_alive_s=60
    )
    try:
        await asyncio.wait_for(talk(poster), 20)
    finally:
        await poster.close()
        server.close()
        await site.ended()


def test_the_request_is_whole() -> None:
    site = Site(OK)

    async def talk(poster: Poster) -> None:
        assert await poster.post(b"x=1") == (200, b"hi")

    told(site, talk)
    (request,) = site.requests
    assert request.startswith(b"POST /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nX-Us: yes\r\nContent-Length: 3\r\n\r\nx=1" in request


def test_one_connection_serves_one_request_after_the_other() -> None:
    site = Site(OK, OK, OK)

    async def talk(poster: Poster) -> None:
        for _ in range(3):
            assert await poster.post(b"x") == (200, b"hi")

    told(site, talk)
    assert site.connections == 1


def test_what_connected_too_late_is_not_written_and_its_connection_serves_the_next() -> None:
    site = Site(OK)

    async def talk(poster: Poster) -> None:
        with pytest.raises(TooLate):
            await poster.post(b"x=late", leave_by=monotonic() - 0.1)
        assert await poster.post(b"x=1", leave_by=monotonic() + 10) == (200, b"hi")

    told(site, talk)
    assert len(site.requests) == site.connections == 1
    assert b"late" not in site.requests[0]


class Noting(Site):
    """Notes when each request came."""

    def begin(self) -> None:
        super().begin()
        self.came_at: dict[bytes, float] = {}

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            self.came_at[await reader.readexactly(length)] = monotonic()
            writer.write(OK)


def test_what_has_to_connect_leaves_at_its_moment_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connecting takes now long and now short: moments that are apart would fall together."""
    site, connect, chance = Noting(), Poster._connect, random.Random(3)

    async def connect_slowly(poster: Poster) -> Line:
        await asyncio.sleep(chance.uniform(0.05, 0.25))
        return await connect(poster)

    monkeypatch.setattr(Poster, "_connect", connect_slowly)

    async def talk(poster: Poster) -> None:
        due = {b"%d" % number: monotonic() + 0.4 + number / 50 for number in range(10)}
        await asyncio.gather(*(poster.post(body, leave_at=at, leave_by=at + 0.2) for body, at in due.items()))
        assert min(site.came_at[body] - at for body, at in due.items()) >= -0.002  # the loop's timers are that precise
        assert list(site.came_at) == list(due)

    told(site, talk)


def test_a_connection_that_is_closed_before_the_moment_is_replaced() -> None:
    class Hasty(Site):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if self.connections:
                await super().serve(reader, writer)
                return
            self._talks.append(asyncio.current_task())
            self.connections += 1
            writer.close()

    site = Hasty(OK)

    async def talk(poster: Poster) -> None:
        at = monotonic() + 0.2
        assert await poster.post(b"x", leave_at=at, leave_by=at + 5) == (200, b"hi")

    told(site, talk)
    assert site.connections == 2


def test_requests_at_the_same_time_have_connections_of_their_own() -> None:
    site = Site(OK, OK, OK)

    async def talk(poster: Poster) -> None:
        assert await asyncio.gather(*(poster.post(b"x") for _ in range(3))) == [(200, b"hi")] * 3

    told(site, talk)
    assert site.connections == 3


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n1\r\ni\r\n0\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK,
    ],
    ids=["in chunks", "announced"],
)
def test_an_answer_may_come_in_parts(answer: bytes) -> None:
    async def talk(poster: Poster) -> None:
        assert await poster.post(b"x") == (200, b"hi")

    told(Site(answer), talk)


def test_a_connection_that_the_other_side_ends_is_not_used_again() -> None:
    site = Site(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), OK)

    async def talk(poster: Poster) -> None:
        for _ in range(2):
            assert await poster.post(b"x") == (200, b"hi")

    told(site, talk)
    assert site.connections == 2


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nhi", b"nonsense\r\n\r\n"]
)
def test_an_answer_that_breaks_off_is_lost_and_the_request_is_not_repeated(answer: bytes) -> None:
    site = Site(answer, OK)

    async def talk(poster: Poster) -> None:
        with pytest.raises(AnswerLost):
            await poster.post(b"x")
        assert len(site.requests) == 1
        assert await poster.post(b"x") == (200, b"hi")

    told(site, talk)


def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_ones() -> None:
    class Slow(Site):
        def begin(self) -> None:
            super().begin()
            self.gone = asyncio.Event()

        async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if self.connections == 1:
                await reader.readuntil(b"\r\n\r\n")
                await self.gone.wait()
                writer.write(OK.replace(b"hi", b"no"))
            else:
                await super().answer(reader, writer)

    site = Slow(OK)

    async def talk(poster: Poster) -> None:
        with pytest.raises(AnswerLost):
            await poster.post(b"x")
        site.gone.set()
        assert await poster.post(b"x") == (200, b"hi")

    told(site, talk, answer_s=0.1)
    assert site.connections == 2


def test_a_cancelled_request_takes_its_connection_with_it() -> None:
    site = Site(OK)

    async def talk(poster: Poster) -> None:
        post = asyncio.create_task(poster.post(b"x" * 10))
        await asyncio.sleep(0)
        post.cancel()
        with pytest.raises(asyncio.CancelledError):
            await post
        site.answers = [OK]
        assert await poster.post(b"x") == (200, b"hi")

    told(site, talk)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_without_a_connection_nothing_has_left(scheme: str, free_port: int) -> None:
    async def talk() -> None:
        url = f"{scheme}://{ports.LOOPBACK}:{free_port}/"
        poster = Poster(url, {}, connect_s=1, answer_s=1, keep_alive_s=1)
        with pytest.raises(NoConnection):
            await poster.post(b"x")

    asyncio.run(talk())


def test_a_server_without_a_good_certificate_gets_nothing() -> None:
    site = Site(OK)

    async def talk(_: Poster) -> None:
        server = await asyncio.start_server(site.serve, ports.LOOPBACK, 0)
        port = server.sockets[0].getsockname()[1]
        poster = Poster(f"https://{ports.LOOPBACK}:{port}/", {}, connect_s=1, answer_s=1, keep_alive_s=1)
        with pytest.raises(NoConnection):
            await poster.post(b"x")
        server.close()
        await poster.close()

    told(site, talk)
    assert site.requests == []


class Moody(Site):
    """Answers a request with its own body, or breaks off in one of many ways; or in parts, or twice."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            body = await reader.readexactly(length)
            self.requests.append(body)
            whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (length, body)
            how = self._chance.randrange(16)
            if how == 0:
                writer.transport.abort()
            part = self._chance.randrange(len(whole))
            writer.write({1: b"", 2: whole[:part], 3: whole[:part], 4: whole + whole}.get(how, whole))
            if how == 3:
                await asyncio.sleep(0)
                writer.write(whole[part:])
            if how in {0, 1, 2, 5}:
                return


def test_however_the_other_side_behaves_no_answer_is_anothers_and_nothing_is_posted_twice() -> None:
    site, came = Moody(random.Random(5)), Counter[str]()

    async def talk(poster: Poster) -> None:
        waiting = asyncio.Semaphore(20)

        async def post(number: int) -> None:
            body = b"%d" % number
            async with waiting:
                try:
                    assert await poster.post(body) == (200, body)
                    came["answers"] += 1
                except AnswerLost:
                    came["lost"] += 1

        await asyncio.gather(*map(post, range(1000)))
        assert max(Counter(site.requests).values()) == 1

    told(site, talk)
    assert came["answers"] > 1000
    assert came["lost"] > 100


def test_an_idle_connection_is_given_up_before_a_common_server_closes_it() -> None:
    async def talk() -> None:
        poster = Poster(f"http://{ports.LOOPBACK}:9/", {}, connect_s=1, answer_s=1)
        assert poster._keep_alive_s <= uvicorn.Config("an:app").timeout_keep_alive - 1

    asyncio.run(talk())
