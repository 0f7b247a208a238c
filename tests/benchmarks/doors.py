"""`python -m tests.benchmarks.doors KIND PORT`: what the webhooks are compared with.

`bare` checks the signature and answers; `each` commits every callback by itself before it answers.
"""

import asyncio
import sys
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core import db, settings
from core.clock import utc_now
from core.domain.receipts import Incoming
from core.usecases import receipts, twilio_posts
from webhooks import signature, twilio


async def _bare(request: Request) -> Response:
    config = settings.current()
    pairs = parse_qsl((await request.body()).decode(), keep_blank_values=True)
    address = f"{config.public_url}{request.url.path}?{request.url.query}"
    signed = request.headers[signature.HEADER]
    is_genuine = signature.is_genuine(address, pairs, signature=signed, tokens=(config.twilio_auth_token,))
    return Response(status_code=204 if is_genuine else 403)


async def _each(request: Request) -> Response:
    receipt = twilio_posts.read_receipt(await _gate.admit(request))
    await asyncio.to_thread(_commit, receipt)
    return Response(status_code=204)


def _commit(receipt: Incoming) -> None:
    with db.transaction() as session:
        receipts.apply(session, [receipt], now=utc_now())


_gate = twilio.Gate(settings.current())

if __name__ == "__main__":
    door = {"bare": _bare, "each": _each}[sys.argv[1]]
    app = Starlette(routes=[Route("/twilio/status", door, methods=["POST"])])
    uvicorn.run(app, port=int(sys.argv[2]), loop="uvloop", http="httptools", log_level="error", access_log=False)
