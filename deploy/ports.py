"""Free ports on this machine's loopback, and whether somebody answers there."""

import random
import socket
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException

LOOPBACK = "127.0.0.1"
# Below what Linux and macOS give to outgoing connections: a port that we chose stays ours while a server restarts.
_OURS = range(20_000, 32_000)


def free_port(preferred: int | None = None) -> int:
    """Return a port that nobody listens on: the preferred one, if it is free."""
    candidates = [preferred] if preferred else []
    candidates += random.sample(_OURS, 200)
    return next(port for port in candidates if is_free(port))


def is_free(port: int) -> bool:
    """Tell whether a server could listen on `port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def is_healthy(url_path: str, *, port: int) -> bool:
    """Tell whether an HTTP server on `port` answers a GET of `url_path` with a 2xx status."""
    connection = HTTPConnection(LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", url_path)
        return connection.getresponse().status // 100 == 2
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def wait_until(condition: Callable[[], bool], *, seconds: float, step_seconds: float = 0.02) -> bool:
    """Look at `condition` again and again until it holds; tell whether it did within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(step_seconds)
    return True
