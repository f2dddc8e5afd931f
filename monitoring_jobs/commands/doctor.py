"""The command doctor."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from monitoring_jobs.console import plain
from monitoring_jobs.exits import DONE, FAILED

if TYPE_CHECKING:
    from monitoring_jobs.doctor import Examination

# Below this a table has no room for what was found, and for the cure.
_NARROWEST = 90
_STYLES = {"ok": "green", "skipped": "dim", "warning": "yellow", "failed": "bold red"}


def doctor(
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document, for programs.")
    ] = False,
) -> None:
    """Say what is wrong with the set-up and what cures it; every service is asked."""
    from monitoring_jobs.doctor import State, examine
    from monitoring_jobs.settings import Settings

    examination = examine(Settings.load())
    if as_json:
        typer.echo(examination.to_json())
    elif sys.stdout.isatty() and shutil.get_terminal_size().columns >= _NARROWEST:
        _show_table(examination)
    else:
        _show_lines(examination)
    raise typer.Exit(FAILED if examination.status is State.FAILED else DONE)


def _show_lines(examination: Examination) -> None:
    for finding in examination.findings:
        told = "; ".join(filter(None, (finding.message, finding.cure)))
        head = f"{finding.status:<8} {finding.service:<13} {finding.check:<18}"
        typer.echo(f"{head} {plain(told)}")
    typer.echo(_summary(examination))


def _show_table(examination: Examination) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE, show_edge=False, pad_edge=False)
    for column in ("status", "service", "check"):
        table.add_column(column, no_wrap=True)
    for column in ("found", "cure"):
        table.add_column(column, overflow="fold")
    for finding in examination.findings:
        status = str(finding.status)
        table.add_row(
            Text(status, _STYLES[status]),
            Text(finding.service),
            Text(finding.check),
            Text(plain(finding.message)),
            Text(plain(finding.cure)),
        )
    console = Console(highlight=False, markup=False, emoji=False)
    console.print(table)
    console.print(Text(_summary(examination), _STYLES[str(examination.status)]))


def _summary(examination: Examination) -> str:
    counts = ", ".join(f"{number} {status}" for status, number in examination.counts.items())
    return f"{examination.status}: {counts}; {examination.seconds:.1f} s"
