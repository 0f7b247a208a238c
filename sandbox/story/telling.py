"""The story on the terminal: chapters, what people say and see, the progress, and the table at the end."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from sandbox.story.audit import Finding

_WIDTH = 110
_LINE_EVERY_S = 2.0


class Teller:
    """Says everything once, with the seconds since the story began."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(width=None if Console().is_terminal else _WIDTH, highlight=False)
        self._began = time.monotonic()
        self._chapter = 0
        self._live: Live | None = None
        self._told_at = 0.0

    @property
    def seconds(self) -> float:
        """How long the story has lasted."""
        return time.monotonic() - self._began

    def chapter(self, title: str) -> None:
        """Begin another part."""
        self._chapter += 1
        self._console.print()
        self._console.rule(Text(f"{self._chapter}. {title}", style="bold cyan"), align="left", style="cyan")

    def say(self, text: str, *, style: str = "") -> None:
        """Tell what happens."""
        self._print(Text.assemble((f"{self.seconds:6.1f} s  ", "dim"), (text, style)))

    def quote(self, who: str, words: str, *, style: str = "green") -> None:
        """Tell what somebody says or reads."""
        self._print(Text.assemble((f"{who}: ".rjust(24), "bold"), (f"“{words}”", style)))

    def listing(self, lines: Sequence[str]) -> None:
        """Show lines of a file or of a command's answer."""
        for line in lines:
            self._print(Text(" " * 10 + line, style="dim", no_wrap=True, overflow="ellipsis"))

    def window(self, title: str, text: str) -> None:
        """Show what stands on somebody's screen."""
        self._print(Panel(Text(text), title=title, title_align="left", border_style="magenta"))

    @contextmanager
    def following(self) -> Iterator[None]:
        """Keep `progress` in one place, where the terminal can do that."""
        if not self._console.is_terminal:
            yield
            return
        with Live(console=self._console, refresh_per_second=8, transient=True) as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None

    def progress(self, done: int, of: int, texts: Sequence[str]) -> None:
        """Show how far the blast is; without a terminal, in a line every other second."""
        if self._live is not None:
            bar = ProgressBar(total=max(of, 1), completed=min(done, of), width=60)
            self._live.update(Panel(Group(bar, *map(Text, texts)), title="Live", border_style="yellow"))
        elif time.monotonic() - self._told_at > _LINE_EVERY_S:
            self._told_at = time.monotonic()
            self.say(" | ".join(texts), style="yellow")

    def table(self, findings: Sequence[Finding]) -> None:
        """Show what was counted."""
        table = Table(title="Counted twice, and compared", title_justify="left")
        table.add_column("What")
        table.add_column("Found", justify="right")
        table.add_column("Must be", justify="right")
        table.add_column("")
        for one in findings:
            verdict = Text("right", style="green") if one.is_right else Text("WRONG", style="bold red")
            table.add_row(one.what, f"{one.found:,}", f"{one.wanted:,}", verdict)
        self._print(table)

    def _print(self, shown: RenderableType) -> None:
        self._console.print(shown)
