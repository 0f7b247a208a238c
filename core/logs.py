"""Structured logs: one JSON line an event, ids as fields, never bodies, names, whole addresses or secrets."""

import logging
import sys

import structlog


def configure(level: str = "INFO") -> None:
    """Send everything that is logged, by us and by libraries, to stdout as JSON lines."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        cache_logger_on_first_use=True,
    )
    out = logging.StreamHandler(sys.stdout)
    out.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[out], level=level, force=True)
    # These libraries write whole requests, tokens or phone numbers at INFO and below.
    for name in ("slack_bolt", "slack_sdk", "twilio", "urllib3", "aiohttp", "sqlalchemy", "alembic", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.WARNING)
