"""What the command line shows: verdicts as tables, progress on long work, one line per error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from monitoring_jobs.results import Evaluation, Measurement, Status
from monitoring_jobs.windows import utc_text

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from rich.console import Console
    from rich.table import Table

Progress = Callable[[int, int | None, str], None]

_STYLES = {
    Status.OK: "green",
    Status.WARNING: "yellow",
    Status.FAILED: "bold red",
    Status.ERROR: "bold red",
    Status.INSUFFICIENT_DATA: "cyan",
    Status.SKIPPED: "dim",
}
_OFFENDING = frozenset({Status.WARNING, Status.FAILED, Status.ERROR})
_SHOWN = 20
_NUMBERS = frozenset({"rows", "value", "threshold"})
_NAMES = frozenset({"column", "segment", "reason", "first reason"})
_WIDTH_OF_A_FILE = 160


def plain(text: object, limit: int = 0) -> str:
    """Return text that is safe to show: on one line, without control characters.

    Names and categories come from data; a terminal would obey the escape sequences in them.

    Args:
        text: What to show.
        limit: Longest result, the ellipsis included; 0 shortens nothing.
    """
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))
    return line if not limit or len(line) <= limit else line[: limit - 1] + "…"


def complain(message: str) -> None:
    """Write one line to standard error."""
    sys.stderr.write(plain(message) + "\n")


def show_evaluation(evaluation: Evaluation, places: Sequence[tuple[str, str]] = ()) -> None:
    """Print the verdict, what led to it, and where the report and the numbers lie.

    Args:
        evaluation: What was judged.
        places: Label and location of what was written.
    """
    from rich.text import Text

    out = _console()
    out.print(
        Text.assemble(
            (plain(evaluation.monitor), "bold"),
            f"  {_window_text(evaluation)}  ",
            (str(evaluation.status), _STYLES[evaluation.status]),
            f"  {evaluation.rows.current:,} rows against {evaluation.rows.reference:,}"
            f", {len(evaluation.measurements):,} measurements",
        ),
        soft_wrap=True,
    )
    offending = _offending(evaluation)
    if offending:
        out.print(_measurements_table(offending[:_SHOWN]))
    if len(offending) > _SHOWN:
        out.print(f"and {len(offending) - _SHOWN:,} more in evaluation.json")
    for label, place in places:
        out.print(Text(f"{label}: {plain(place)}"), soft_wrap=True)


def show_evaluations(evaluations: Sequence[Evaluation]) -> None:
    """Print one line per window, oldest first."""
    from rich.text import Text

    table = _table("window", "status", "rows", "warnings", "failures", "first reason")
    for evaluation in evaluations:
        offending = _offending(evaluation)
        counts = [
            sum(1 for m in evaluation.measurements if m.status in kinds)
            for kinds in ({Status.WARNING}, {Status.FAILED, Status.ERROR})
        ]
        table.add_row(
            _window_text(evaluation),
            Text(str(evaluation.status), _STYLES[evaluation.status]),
            f"{evaluation.rows.current:,}",
            *map(str, counts),
            Text(_subject(offending[0]) if offending else ""),
        )
    _console().print(table)


def show_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], styles: Mapping[str, str]
) -> None:
    """Print a table of texts.

    Args:
        columns: Their names.
        rows: A text for each column.
        styles: Of texts that stand out by color.
    """
    from rich.text import Text

    table = _table(*columns)
    for row in rows:
        table.add_row(*(Text(plain(cell), styles.get(cell, "")) for cell in row))
    _console().print(table)


def show_summary(summary: DataclassInstance) -> None:
    """Print what a job did: one line per number that it counted."""
    from dataclasses import fields

    for field in fields(summary):
        value = getattr(summary, field.name)
        shown = ", ".join(map(str, value)) if isinstance(value, (tuple, list)) else value
        if shown not in ("", None):
            sys.stdout.write(f"{field.name.replace('_', ' ')}: {plain(shown)}\n")


@contextmanager
def progress(label: str) -> Iterator[Progress]:
    """Show a bar on standard error while there is a terminal to see it.

    Yields:
        A function that takes how much is done, how much there is (None: unknown), and its name.
    """
    if not sys.stderr.isatty():
        yield _unseen
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    bars = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed:,.0f}{task.fields[of]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("{task.fields[name]}", markup=False),
        console=Console(stderr=True),
        transient=True,
    )
    with bars:
        task = bars.add_task(plain(label), total=None, of="", name="")

        def report(done: int, total: int | None, name: str = "") -> None:
            of = "" if total is None else f"/{total:,}"
            bars.update(task, completed=done, total=total, of=of, name=plain(name, 40))

        yield report


def _unseen(_done: int, _total: int | None, _name: str = "") -> None:
    """Report progress to nobody."""


# --- tables ---------------------------------------------------------------------------------------
def _console() -> Console:
    from rich.console import Console

    # A pipe has no width; rich would fold the table at 80 columns.
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _WIDTH_OF_A_FILE
    return Console(width=width, highlight=False, markup=False, emoji=False)


def _table(*columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE, show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(
            column,
            justify="right" if column in _NUMBERS else "left",
            no_wrap=column not in _NAMES,  # a narrow terminal folds names, and cuts nothing off
            overflow="fold",
        )
    return table


def _measurements_table(measurements: Sequence[Measurement]) -> Table:
    """Return one line per measurement, without the columns that none of them fills."""
    from rich.text import Text

    cells = {
        "status": [Text(str(m.status), _STYLES[m.status]) for m in measurements],
        "check": [Text(m.check) for m in measurements],
        "metric": [Text(plain(m.metric, 40)) for m in measurements],
        "column": [Text(plain(m.column, 40)) for m in measurements],
        "segment": [Text(plain(m.segment, 40)) for m in measurements],
        "value": [Text(_number(m.value)) for m in measurements],
        "threshold": [Text(_number(m.threshold)) for m in measurements],
        "reason": [Text(plain(m.detail.get("reason") or "", 60)) for m in measurements],
    }
    filled = {name: column for name, column in cells.items() if any(map(len, column))}
    table = _table(*filled)
    for row in zip(*filled.values(), strict=True):
        table.add_row(*row)
    return table


def _offending(evaluation: Evaluation) -> list[Measurement]:
    """Return what led to the verdict, the worst first.

    Where too few rows are the verdict, the columns all say so; the dataset's lines are enough.
    """
    found = [m for m in evaluation.measurements if m.status in _OFFENDING]
    if evaluation.status is Status.INSUFFICIENT_DATA:
        found += [
            m
            for m in evaluation.measurements
            if m.status is Status.INSUFFICIENT_DATA and m.column == m.segment == ""
        ]
    return sorted(found, key=lambda m: -m.status.severity)


def _subject(measurement: Measurement) -> str:
    where = " of ".join(filter(None, (measurement.column, measurement.segment)))
    value = f" {_number(measurement.value)}" if measurement.value is not None else ""
    return plain(" ".join(filter(None, (where, f"{measurement.metric}{value}"))), 60)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _window_text(evaluation: Evaluation) -> str:
    return f"{utc_text(evaluation.window.start)} .. {utc_text(evaluation.window.end)}"
