"""The whole sandbox as a process, a tiny bot and tiny webhooks behind it, and a browser before it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from playwright.sync_api import Browser, sync_playwright
from slack_sdk import WebClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deploy import browser, ports
from tests.sandbox.slack_stage import request, serving
from tests.sandbox.tiny_bot import TinyBot

ROOT = Path(__file__).parents[2]
LAUNCH_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
]

MENU = (
    '<Gather numDigits="1" action="/twilio/voice/key"><Say>Hello. To get no more texts, press 9.</Say></Gather>'
    '<Say>Speak after the tone.</Say><Record action="/twilio/voice/done" finishOnKey="9"/><Say>Goodbye.</Say>'
)


@dataclass
class Webhooks:
    """Hears inbound texts, calls and callbacks; answers `Thanks!` to a text that asks for it, and calls with a menu."""

    texts: list[dict[str, str]] = field(default_factory=list)
    calls: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def app(self) -> Starlette:
        """Return what listens at /twilio/."""
        return Starlette(
            routes=[
                Route("/twilio/inbound", self._inbound, methods=["POST"]),
                Route("/twilio/status", self._status, methods=["POST"]),
                Route("/twilio/voice{what:path}", self._call, methods=["POST"]),
            ]
        )

    async def _inbound(self, request: Request) -> Response:
        text = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        self.texts.append(text)
        answer = "<Message>Thanks!</Message>" if "thank me" in text["Body"] else ""
        return Response(f"<Response>{answer}</Response>", media_type="text/xml")

    async def _call(self, request: Request) -> Response:
        what = str(request.path_params["what"])
        self.calls.append((what, dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))))
        verbs = {"": MENU, "/key": "<Say>You get no more texts.</Say>", "/done": "<Say>Thank you.</Say>"}.get(what, "")
        return Response(f"<Response>{verbs}</Response>", media_type="text/xml")

    async def _status(self, _: Request) -> Response:
        return Response(status_code=204)


@dataclass
class PageStage:
    """Where the sandbox is, and what stands behind it."""

    url: str
    bot: TinyBot
    webhooks: Webhooks
    process: "subprocess.Popen[str]"

    @property
    def address(self) -> str:
        """Return host and port."""
        return self.url.removeprefix("http://")

    @property
    def slack(self) -> WebClient:
        """Return the bot's client."""
        return self.bot.web

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """Make a request of JSON; return the status and the JSON that came back."""
        text = "" if body is None else json.dumps(body)
        status, answer, _ = request(self.address, method, path, text, **headers)
        return status, json.loads(answer)


@contextlib.contextmanager
def running() -> Iterator[PageStage]:
    """Start the sandbox as `python -m sandbox`, and a bot and webhooks for it; stop them all."""
    url = f"http://127.0.0.1:{ports.free_port()}"
    bot, webhooks = TinyBot(url), Webhooks()
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    with serving(bot.app(), listeners[0]), serving(webhooks.app(), listeners[1]):
        process = started(url, *(f"http://127.0.0.1:{one.getsockname()[1]}" for one in listeners))
        try:
            yield PageStage(url, bot, webhooks, process)
        finally:
            stopped(process)


def started(url: str, bot_url: str, webhooks_url: str) -> "subprocess.Popen[str]":
    """Start the sandbox at `url`; return its process once it listens."""
    env = environment(SANDBOX_PORT=url.rpartition(":")[2], BOT_URL=bot_url, WEBHOOKS_URL=webhooks_url)
    process = subprocess.Popen([sys.executable, "-m", "sandbox"], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("Sandbox ready: "), "The sandbox did not start."
    return process


def stopped(process: "subprocess.Popen[str]", by: signal.Signals = signal.SIGTERM) -> int:
    """Stop a sandbox as a supervisor would; return its exit code."""
    if process.poll() is None:
        process.send_signal(by)
    try:
        return process.wait(timeout=10)
    finally:
        process.kill()
        if process.stdout is not None:
            process.stdout.close()


def environment(**more: str) -> dict[str, str]:
    """Return this process's environment without anything that the sandbox reads, and with `more`."""
    read = ("SLACK_", "TWILIO_", "SANDBOX_", "SMTP_", "ASSISTANT_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(read)}
    for name in ("HOST", "BOT_URL", "WEBHOOKS_URL", "PUBLIC_URL"):
        kept.pop(name, None)
    return kept | more


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Start the Chromium of this machine."""
    with sync_playwright() as playwright:
        started_browser = playwright.chromium.launch(executable_path=browser.find_or_install(), args=LAUNCH_ARGUMENTS)
        try:
            yield started_browser
        finally:
            started_browser.close()
