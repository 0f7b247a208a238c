"""A web server that keeps pictures as Twilio might, or as nobody should: each path is answered as it was told to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests import pictures

PNG = pictures.png()


@dataclass
class Answer:
    """What a path is answered. `is_slow`: only its first byte comes until the keeper is let go."""

    status: int = 200
    body: bytes = PNG
    headers: dict[str, str] = field(default_factory=dict)
    is_endless: bool = False
    is_slow: bool = False


@dataclass
class Keeper:
    """The server. `asked`: each request's path with its Authorization header ("" for none)."""

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    lets_go: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def served(self) -> Iterator["Keeper"]:
        """Serve until the end."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            self.lets_go.set()
            self._server.shutdown()
            thread.join()
            self._server.server_close()


def _handler(keeper: Keeper) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            keeper.asked.append((self.path, self.headers.get("Authorization", "")))
            answer = keeper.answers.get(self.path, Answer(404))
            self.send_response(answer.status)
            length = {} if answer.is_endless else {"Content-Length": str(len(answer.body))}
            for name, value in (length | answer.headers).items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self._write(answer)
            except OSError:  # whoever asked has had enough
                self.close_connection = True

        do_DELETE = do_GET  # noqa: N815  its name is the server's

        def _write(self, answer: Answer) -> None:
            if answer.is_slow:
                self.wfile.write(answer.body[:1])
                keeper.lets_go.wait(30)
            while answer.is_endless and not keeper.lets_go.is_set():
                self.wfile.write(bytes(1 << 16))
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
