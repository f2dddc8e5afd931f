"""What the demo shows while it works: a line per finished step, bars on a terminal."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from monitoring_jobs.demo.processes import StepFailed

_WIDTH_OF_A_FILE = 130


def demo_console() -> Console:
    """Return the console; where the output goes to a file, its lines are of a fixed width."""
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(highlight=False, width=_WIDTH_OF_A_FILE)
    return console


@contextmanager
def tails_shown() -> Iterator[None]:
    """Print the end of a failed process's output before its error is told."""
    try:
        yield
    except StepFailed as exc:
        if exc.tail:
            Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(exc.tail)
        raise


class _Count(MofNCompleteColumn):
    """Done of total, and nothing for a step that has no count."""

    def render(self, task: Task) -> Text:
        return Text() if task.total is None else super().render(task)


class Display:
    """Progress of the demo on a console."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._began = time.monotonic()
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            _Count(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    @property
    def seconds(self) -> float:
        """Time since the demo began."""
        return time.monotonic() - self._began

    @contextmanager
    def step(self, what: str) -> Iterator[list[str]]:
        """Show a step while it is done, then say so; what is put into the list is added."""
        bar = self._bars.add_task(what, total=None)
        began = time.monotonic()
        added: list[str] = []
        try:
            yield added
        finally:
            self._bars.remove_task(bar)
        self.done(what, time.monotonic() - began, *added)

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Show that something is waited for, and nothing once it has come."""
        bar = self._bars.add_task(what, total=None)
        try:
            yield
        finally:
            self._bars.remove_task(bar)

    def done(self, what: str, seconds: float, *added: str) -> None:
        """Print the line of a finished step."""
        more = f" [dim]{' · '.join(added)}[/dim]" if added else ""
        line = f"[green]✓[/green] {what}{more} [dim]{seconds:.1f} s[/dim]"
        self.console.print(line, highlight=False, soft_wrap=True)

    def bar(self, what: str, total: int) -> TaskID:
        """Show a bar."""
        return self._bars.add_task(what, total=total)

    def advance(self, bar: TaskID) -> None:
        """Move a bar by one."""
        self._bars.advance(bar)

    def remove(self, *bars: TaskID) -> None:
        """Show bars no longer."""
        for bar in bars:
            self._bars.remove_task(bar)
