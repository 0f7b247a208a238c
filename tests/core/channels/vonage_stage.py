"""Vonage's stand-in, served over HTTP for a test."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from deploy import ports
from sandbox.app import assemble
from sandbox.settings import VONAGE_CREDENTIALS, SandboxSettings
from sandbox.vonage import VonageStandIn

NUMBER = "+12125550150"


@contextmanager
def opened(*, webhooks_url: str = "http://127.0.0.1:9") -> Iterator[tuple[str, VonageStandIn]]:
    """Serve the sandbox; gives the address of Vonage's API, and the stand-in."""
    port = ports.free_port()
    sandbox = assemble(SandboxSettings(port=port, webhooks_url=webhooks_url))
    server = uvicorn.Server(uvicorn.Config(sandbox.app(), host="127.0.0.1", port=port, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert ports.wait_until(lambda: server.started, seconds=60)
        yield f"http://127.0.0.1:{port}/vonage", sandbox.vonage
    finally:
        server.should_exit = True
        thread.join(timeout=60)


def environment(api_url: str) -> dict[str, str]:
    """Return the settings that point at it."""
    return {**VONAGE_CREDENTIALS, "VONAGE_SENDERS": f"{NUMBER}=500", "VONAGE_API_URL": api_url}
