"""`python -m sandbox`: serve the stand-ins on a loopback port until told to stop."""

import signal
import socket
import sys

import uvicorn

from sandbox.app import Sandbox, assemble
from sandbox.settings import SandboxSettings, UnsafeSettings

GRACE_SECONDS = 5  # for requests under way; texts that Twilio's stand-in never answers are cut off then


class _Server(uvicorn.Server):
    """Says where it listens, and ends the event streams first when it stops."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(
            uvicorn.Config(
                sandbox.app(),
                loop="uvloop",
                http="httptools",
                lifespan="on",
                access_log=False,
                server_header=False,
                log_level="warning",
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        self._sandbox = sandbox

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or []:
            address, port = listener.getsockname()[:2]
            host = f"[{address}]" if ":" in address else address
            print(f"Sandbox ready: http://{host}:{port} (mail: smtp://{host}:{self._sandbox.mail.port})", flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._sandbox.stream.close()
        await super().shutdown(sockets)


def main() -> int:
    """Run until SIGTERM or SIGINT; return the exit code."""
    try:
        settings = SandboxSettings.from_env()
        listener = _listen(settings)
    except UnsafeSettings as refusal:
        print(refusal, file=sys.stderr)
        return 1
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)  # uvicorn raises them again when it has stopped: we then exit with 0
    _Server(assemble(settings)).run(sockets=[listener])
    return 0


def _listen(settings: SandboxSettings) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError:
        raise UnsafeSettings(
            f"Port {settings.port} of {settings.host} is taken: stop what listens there, or set another SANDBOX_PORT."
        ) from None


if __name__ == "__main__":
    sys.exit(main())
