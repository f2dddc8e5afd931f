"""Evaluations as rows of Postgres: replaced whole, or not at all."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING

from monitoring_jobs.database import (
    clean_text,
    copy_rows,
    needs_cleaning,
    queries,
    require_current_schema,
    transaction,
)
from monitoring_jobs.errors import StaleAttempt
from monitoring_jobs.results import DagRunRef, Evaluation, Measurement, Status
from monitoring_jobs.windows import Window, as_utc, utc_text

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2's own name

log = logging.getLogger(__name__)

_MEASUREMENT_COLUMNS = (
    "monitor",
    "window_start",
    "window_end",
    "check_name",
    "metric",
    "column_name",
    "segment",
    "value",
    "threshold",
    "status",
    "detail",
)


_of_measurement = attrgetter(
    "check", "metric", "column", "segment", "value", "threshold", "status", "detail"
)


class PostgresSink:
    """Writes evaluations with the rights of monitoring_writer."""

    def __init__(self, url: str, addresses: Mapping[str, str | None] | None = None) -> None:
        """Take the database's URL, and what else a write keeps: see ``write_addresses``."""
        self._url = url
        self._addresses = addresses or {}

    def write(self, evaluation: Evaluation) -> None:
        """Replace what is stored for the evaluation's monitor and window, and note the attempt.

        Raises:
            StaleAttempt: A later attempt has been written; this one is noted, and nothing else.
            SchemaMismatch: The database is older or newer than this code.
            DatabaseUnavailable: Nothing was written; try again.
            DatabaseRefused: Nothing was written, and will not be.
        """
        key = _key(evaluation.monitor, evaluation.window)
        with transaction(self._url) as connection, connection.cursor() as cursor:
            require_current_schema(connection)
            cursor.execute(queries("evaluation")["lock"], key)
            newer = _later_than(evaluation, cursor, key)
            if newer is None:
                _replace(evaluation, cursor, key)
                _keep_addresses(cursor, self._addresses)
            _add_attempt(
                cursor,
                key,
                attempt=evaluation.attempt,
                computed_at=evaluation.computed_at,
                outcome="written" if newer is None else "stale_attempt",
                status=evaluation.status,
                dag_run=evaluation.dag_run,
                duration_seconds=evaluation.duration_seconds,
            )
        # Only now is the refusal itself on record.
        if newer is not None:
            log.warning(
                "attempt %s at %s for %s came too late",
                evaluation.attempt,
                evaluation.monitor,
                evaluation.window,
                extra={"action": "stale_attempt", "monitor": evaluation.monitor},
            )
            raise StaleAttempt(
                f"{evaluation.monitor} for {evaluation.window}: Postgres holds an attempt of "
                f"{utc_text(newer)}, later than this of {utc_text(evaluation.computed_at)}",
                "nothing to do: the later one stays",
            )

    def record_error(
        self,
        monitor: str,
        window: Window,
        attempt: str,
        computed_at: datetime,
        error: str,
        *,
        dag_run: DagRunRef | None = None,
    ) -> None:
        """Note an attempt that failed before there was an evaluation; an older result stays.

        Args:
            monitor: Name of the monitor.
            window: What was to be judged.
            attempt: Unique id of the execution.
            computed_at: When it began.
            error: The one line that a person was shown.
            dag_run: The Airflow Dag run that failed.

        Raises:
            SchemaMismatch: As ``write``.
            DatabaseUnavailable: As ``write``.
            DatabaseRefused: As ``write``.
        """
        with transaction(self._url) as connection, connection.cursor() as cursor:
            require_current_schema(connection)
            _add_attempt(
                cursor,
                _key(monitor, window),
                attempt=attempt,
                computed_at=computed_at,
                outcome="error",
                error=clean_text(error),
                dag_run=dag_run,
            )


def write_addresses(url: str, addresses: Mapping[str, str | None]) -> None:
    """Keep where the user interfaces are, for the links of dashboards.

    Args:
        url: The database, as role writer.
        addresses: By name: ``airflow``, ``mlflow``, ``grafana``; what is None stays as it is.

    Raises:
        SchemaMismatch: As ``PostgresSink.write``.
        DatabaseUnavailable: As ``PostgresSink.write``.
        DatabaseRefused: As ``PostgresSink.write``.
    """
    with transaction(url) as connection, connection.cursor() as cursor:
        require_current_schema(connection)
        _keep_addresses(cursor, addresses)


def _keep_addresses(cursor: Cursor, addresses: Mapping[str, str | None]) -> None:
    # One order for everybody: two that write at once then wait, and never for each other.
    for name, address in sorted(addresses.items()):
        if address:
            row = {"name": name, "url": address}
            cursor.execute(queries("evaluation")["keep_address"], row)


def _key(monitor: str, window: Window) -> dict[str, object]:
    return {
        "monitor": monitor,
        "window": str(window),
        "window_start": window.start,
        "window_end": window.end,
    }


def _later_than(
    evaluation: Evaluation, cursor: Cursor, key: Mapping[str, object]
) -> datetime | None:
    """Return when the stored attempt began, if that is later than this one."""
    cursor.execute(queries("evaluation")["current_computed_at"], key)
    row = cursor.fetchone()
    if row is None:
        return None
    stored = as_utc(row[0])
    return stored if stored > as_utc(evaluation.computed_at) else None


def _replace(evaluation: Evaluation, cursor: Cursor, key: Mapping[str, object]) -> None:
    blocks = queries("evaluation")
    cursor.execute(blocks["delete_measurements"], key)
    cursor.execute(blocks["delete_evaluation"], key)
    cursor.execute(blocks["note_present"], key)
    row = _evaluation_row(evaluation)
    copy_rows(cursor, "evaluation", tuple(row), [tuple(row.values())])
    window = (evaluation.monitor, evaluation.window.start, evaluation.window.end)
    rows = map(_of_measurement, _storable(evaluation))
    copy_rows(cursor, "measurement", _MEASUREMENT_COLUMNS, (window + row for row in rows))


def _evaluation_row(evaluation: Evaluation) -> dict[str, object]:
    return {
        "monitor": evaluation.monitor,
        "window_start": evaluation.window.start,
        "window_end": evaluation.window.end,
        "status": evaluation.status,
        "owner": evaluation.owner,
        "model_name": evaluation.model.name,
        "model_version": evaluation.model.version,
        "model_alias": evaluation.model.alias,
        "rows_current": evaluation.rows.current,
        "rows_reference": evaluation.rows.reference,
        "rows_sampled": evaluation.rows.sampled,
        "reference_id": evaluation.reference_id,
        "spec_hash": evaluation.spec_hash,
        "code_version": evaluation.code_version,
        "attempt": evaluation.attempt,
        "computed_at": evaluation.computed_at,
        "duration_seconds": evaluation.duration_seconds,
        "peak_memory_bytes": evaluation.peak_memory_bytes,
        "report": evaluation.report,
        "due_at": evaluation.due_at,
        **_dag_run_columns(evaluation.dag_run),
    }


def _dag_run_columns(dag_run: DagRunRef | None) -> dict[str, object]:
    return {
        "dag_id": dag_run and dag_run.dag_id,
        "dag_run_id": dag_run and dag_run.run_id,
    }


def _storable(evaluation: Evaluation) -> Sequence[Measurement]:
    """Return the measurements whose keys still differ when written; the worst of each key stays.

    Names that differ only in characters which Postgres cannot store become the same name.
    """
    if not needs_cleaning(chain.from_iterable(m.key for m in evaluation.measurements)):
        return evaluation.measurements
    kept: dict[tuple[str, ...], Measurement] = {}
    for measurement in evaluation.measurements:
        key = tuple(clean_text(part) for part in measurement.key)
        held = kept.get(key)
        if held is None or measurement.status.severity > held.status.severity:
            kept[key] = measurement
    lost = len(evaluation.measurements) - len(kept)
    if lost:
        log.warning(
            "%s: %d measurements share a name once characters that cannot be stored are replaced; "
            "the worst of each is stored",
            evaluation.monitor,
            lost,
            extra={"action": "same_name", "monitor": evaluation.monitor, "count": lost},
        )
    return list(kept.values())


def _add_attempt(  # noqa: PLR0913 - a keyword per column
    cursor: Cursor,
    key: Mapping[str, object],
    *,
    attempt: str,
    computed_at: datetime,
    outcome: str,
    status: Status | None = None,
    error: str | None = None,
    dag_run: DagRunRef | None = None,
    duration_seconds: float | None = None,
) -> None:
    cursor.execute(
        queries("evaluation")["add_attempt"],
        {
            **key,
            "attempt": attempt,
            "computed_at": computed_at,
            "outcome": outcome,
            "status": None if status is None else str(status),
            "error": error,
            "duration_seconds": duration_seconds,
            **_dag_run_columns(dag_run),
        },
    )
