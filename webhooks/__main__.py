"""`python -m webhooks`: serve the doors until told to stop; what was begun is finished and committed first."""

import gc
import signal
import sys
from contextlib import suppress

import uvicorn
from sqlalchemy.exc import SQLAlchemyError

from core import db, logs, settings
from core.errors import Misconfigured
from core.usecases import processors
from webhooks import app

_USUAL_PORT = 8000
# Told to stop, a process has ten seconds.
_LAST_ANSWERS_S = 7
_COLLECTED_AFTER = 20_000  # new objects


def main() -> int:
    """Serve. Returns the exit code."""
    try:
        config = settings.current()
        config.require("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "PUBLIC_URL")
        _check_intakes()
    except Misconfigured as refusal:
        print(f"webhooks: {refusal}", file=sys.stderr)
        return 1
    logs.configure(config.log_level)
    # The collector takes a fifth of what a receipt costs, if it looks through all that is under way as often as usual.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECTED_AFTER)
    # Once everything is answered, uvicorn raises the signal again that told it to stop: that is a good end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        app.create(config),
        host=config.host,
        port=config.port_for(config.webhooks_port, otherwise=_USUAL_PORT),
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_LAST_ANSWERS_S,
    )
    return 0


def _check_intakes() -> None:
    """See that every channel's events have somebody who takes them in; while the database is away, nobody can say."""
    with suppress(SQLAlchemyError), db.transaction() as session:
        processors.check(session)


if __name__ == "__main__":
    sys.exit(main())
