"""What the pages show, read from Postgres with the rights of monitoring_reader."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from monitoring_jobs.browser.values import (
    ORDER,
    Attempt,
    Filters,
    Lack,
    Mark,
    Selection,
    Span,
    Standing,
    Tally,
)
from monitoring_jobs.results import (
    DagRunRef,
    Evaluation,
    Measurement,
    ModelRef,
    RowCounts,
    Status,
)
from monitoring_jobs.windows import Window

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2's own name

_OPEN = ("-infinity", "infinity")
_PARTS = ("columns", "filters", "attempt")


@cache
def statement(name: str) -> str:
    """Return a query of browser.sql, its shared parts filled in; no value is among them."""
    from monitoring_jobs.database import queries

    blocks = queries("browser")
    text = blocks[name]
    for part in _PARTS:
        text = text.replace(f"{{{part}}}", blocks[part])
    return text


def standings(cursor: Cursor, span: Span) -> list[Standing]:
    """Return how each monitor stands at the end of a span, in no order."""
    cursor.execute(statement("standings"), _span(span))
    return [
        Standing(
            monitor=monitor,
            status=None if status is None else Status(status),
            owner=owner,
            model=model,
            failed_at=failed_at,
        )
        for monitor, status, owner, model, failed_at in cursor.fetchall()
    ]


def newest(cursor: Cursor, monitors: Collection[str], span: Span) -> dict[str, Evaluation]:
    """Return the newest evaluation of each monitor that has one in the span."""
    cursor.execute(statement("newest_evaluations"), {"monitors": list(monitors), **_span(span)})
    return {found.monitor: found for found in map(_evaluation, cursor.fetchall())}


def trends(
    cursor: Cursor, monitors: Collection[str], span: Span, *, limit: int = 30
) -> Mapping[str, Sequence[Mark]]:
    """Return the last windows of each monitor, oldest first."""
    cursor.execute(statement("trends"), {"monitors": list(monitors), "limit": limit, **_span(span)})
    found: dict[str, list[Mark]] = defaultdict(list)
    for monitor, start, end, status in cursor.fetchall():
        found[monitor].insert(0, Mark(window=Window(start, end), status=Status(status)))
    return found


def evaluations(
    cursor: Cursor, filters: Filters, behind: tuple[str, Window] | None, limit: int
) -> list[Evaluation]:
    """Return judged windows of all monitors, newest first.

    Args:
        cursor: Of the reader.
        filters: What is wanted.
        behind: Monitor and window after which the list goes on; None for its beginning.
        limit: How many at most.
    """
    span = _span(filters.span)
    position = {
        "position_end": span["ended_by"],
        "position_monitor": "",
        "position_start": _OPEN[0],
    }
    if behind is not None:
        monitor, window = behind
        position = {
            "position_end": window.end,
            "position_monitor": monitor,
            "position_start": window.start,
        }
    wanted = {"text": filters.text, "model": filters.model, "owner": filters.owner}
    cursor.execute(
        statement("evaluations"),
        {**wanted, **_status(filters.status), **span, **position, "limit": limit},
    )
    return list(map(_evaluation, cursor.fetchall()))


def windows(
    cursor: Cursor,
    monitor: str,
    *,
    status: Status | None = None,
    span: Span | None = None,
    behind: Window | None = None,
    limit: int,
) -> list[Evaluation]:
    """Return judged windows of one monitor, newest first, behind a window where one is given."""
    ends = _span(span or Span())
    # The end of a span belongs to it: what shares it starts before the end of time.
    position = {"position_end": ends["ended_by"], "position_start": _OPEN[1]}
    if behind is not None:
        position = {"position_end": behind.end, "position_start": behind.start}
    cursor.execute(
        statement("windows"),
        {"monitor": monitor, **_status(status), **ends, **position, "limit": limit},
    )
    return list(map(_evaluation, cursor.fetchall()))


def evaluation(cursor: Cursor, monitor: str, window: Window) -> Evaluation | None:
    """Return the evaluation of a window, without its measurements; None where there is none."""
    cursor.execute(statement("evaluation"), _key(monitor, window))
    row = cursor.fetchone()
    return None if row is None else _evaluation(row)


def windows_of(cursor: Cursor, monitor: str, wanted: Collection[Window]) -> list[Evaluation]:
    """Return the evaluations that some windows of a monitor have now, newest first."""
    ends = {"starts": [w.start for w in wanted], "ends": [w.end for w in wanted]}
    cursor.execute(statement("windows_of"), {"monitor": monitor, **ends})
    return list(map(_evaluation, cursor.fetchall()))


def tallies(cursor: Cursor, monitor: str, window: Window) -> list[Tally]:
    """Return how many measurements of each kind an evaluation has."""
    cursor.execute(statement("tallies"), _key(monitor, window))
    return [
        Tally(segment=segment, check=check, status=Status(status), count=count)
        for segment, check, status, count in cursor.fetchall()
    ]


def measurements(
    cursor: Cursor, monitor: str, window: Window, selection: Selection
) -> list[Measurement]:
    """Return measurements of an evaluation, what asks for attention first."""
    cursor.execute(
        statement("measurements"),
        {
            **_key(monitor, window),
            "statuses": list(map(str, selection.statuses)),
            "order": list(map(str, ORDER)),
            "check": selection.check,
            "segment": selection.segment,
            "column": selection.column,
            "limit": selection.limit,
            "offset": selection.offset,
        },
    )
    return [
        Measurement(
            check=check,
            metric=metric,
            column=column,
            segment=segment,
            value=value,
            threshold=threshold,
            status=Status(status),
            detail=detail,
        )
        for check, metric, column, segment, value, threshold, status, detail in cursor.fetchall()
    ]


def lacks(cursor: Cursor, monitor: str, window: Window) -> list[Lack]:
    """Return why measurements of an evaluation lack data, the most frequent first."""
    cursor.execute(statement("lacks"), _key(monitor, window))
    return [
        Lack(check=check, reason=reason, count=count) for check, reason, count in cursor.fetchall()
    ]


def failed_at(cursor: Cursor, monitor: str) -> datetime | None:
    """Return when a monitor's run failed after which nothing was judged; None where all is well.

    As ``standings`` tells it of all monitors.
    """
    cursor.execute(statement("failed_at"), {"monitor": monitor})
    row = cursor.fetchone()
    return None if row is None else row[0]


def failed_attempts(cursor: Cursor, monitor: str, *, limit: int = 5) -> list[Attempt]:
    """Return what went wrong for a monitor, the newest windows first."""
    cursor.execute(statement("failed_attempts"), {"monitor": monitor, "limit": limit})
    return list(map(_attempt, cursor.fetchall()))


def window_attempts(
    cursor: Cursor, monitor: str, window: Window, *, limit: int = 10
) -> list[Attempt]:
    """Return the executions for one window, newest first."""
    cursor.execute(statement("window_attempts"), {**_key(monitor, window), "limit": limit})
    return list(map(_attempt, cursor.fetchall()))


def run_attempts(cursor: Cursor, run: DagRunRef, *, limit: int = 1000) -> list[Attempt]:
    """Return what a Dag run did, the newest windows first."""
    cursor.execute(
        statement("run_attempts"),
        {"dag_id": run.dag_id, "dag_run_id": run.run_id, "limit": limit},
    )
    return list(map(_attempt, cursor.fetchall()))


def _span(span: Span) -> dict[str, datetime | str]:
    return {
        "ended_after": _OPEN[0] if span.after is None else span.after,
        "ended_by": _OPEN[1] if span.by is None else span.by,
    }


def _status(status: Status | None) -> dict[str, str]:
    return {"status": "" if status is None else str(status)}


def _key(monitor: str, window: Window) -> dict[str, Any]:
    return {"monitor": monitor, "window_start": window.start, "window_end": window.end}


def _evaluation(row: Sequence[Any]) -> Evaluation:
    monitor, start, end, status, owner, name, version, alias, *rest = row
    current, reference, sampled, reference_id, spec_hash, code_version, attempt, *rest = rest
    computed_at, duration_seconds, peak_memory_bytes, report, dag_id, run_id = rest
    return Evaluation(
        monitor=monitor,
        model=ModelRef(name=name, version=version, alias=alias),
        window=Window(start, end),
        status=Status(status),
        rows=RowCounts(current=current, reference=reference, sampled=sampled),
        reference_id=reference_id,
        spec_hash=spec_hash,
        code_version=code_version,
        attempt=attempt,
        computed_at=computed_at,
        measurements=(),
        owner=owner,
        duration_seconds=duration_seconds,
        peak_memory_bytes=peak_memory_bytes,
        report=report,
        dag_run=_dag_run(dag_id, run_id),
    )


def _attempt(row: Sequence[Any]) -> Attempt:
    monitor, start, end, outcome, error, recorded_at, dag_id, run_id = row
    return Attempt(
        monitor=monitor,
        window=Window(start, end),
        outcome=outcome,
        error=error,
        recorded_at=recorded_at,
        dag_run=_dag_run(dag_id, run_id),
    )


def _dag_run(dag_id: str | None, run_id: str | None) -> DagRunRef | None:
    if dag_id is None or run_id is None:
        return None
    return DagRunRef(dag_id=dag_id, run_id=run_id)
