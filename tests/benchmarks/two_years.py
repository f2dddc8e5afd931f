"""Two years of daily results as a fleet leaves them, written by Postgres itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2.extras import execute_values

from monitoring_jobs.results import Measurement
from tests.benchmarks.one_evaluation import DAY, measured
from tests.fixtures.postgres import libpq

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2's own name

END = DAY.end
MONITOR = "monitor_002"
COLUMN = "number_01"
# The last month is written as publishing does, with the indexes in place: an index that grows is
# larger than one that is made at once.
_GROWN_MONTHS = 1

# Every tenth window warns, every thirty-third fails; a few monitors are much worse off than most.
_EVALUATIONS = """
INSERT INTO monitoring.evaluation (
    monitor, window_start, window_end, status, owner, model_name, model_version, model_alias,
    rows_current, rows_reference, rows_sampled, reference_id, spec_hash, code_version, attempt,
    computed_at, duration_seconds, peak_memory_bytes, report, written_at, dag_id, dag_run_id, due_at
)
SELECT
    'monitor_' || lpad(m::text, 3, '0'), day, day + interval '1 day',
    CASE
        WHEN chance %% 1000 < 30 OR (m %% 25 = 0 AND day > %(end)s - interval '9 days')
            THEN 'failed'
        WHEN chance %% 1000 < 130 THEN 'warning'
        ELSE 'ok'
    END,
    'team-' || m %% 7 || '@example.com', 'model_' || m %% 50,
    (1 + (day::date - date '2024-01-01') / 90)::text, 'champion',
    100000 + chance %% 5000, 200000, 20000, md5(m || '-' || (day::date - date '2024-01-01') / 180),
    md5(m::text), '0.1.0', md5(m || '-' || day), day + interval '26 hours', 1.5, 123000000,
    'report-' || md5(m || '-' || day) || '.html', day + interval '26 hours',
    'monitor__' || m, 'scheduled__' || day, day + interval '50 hours'
FROM generate_series(%(start)s, %(end)s - interval '1 day', interval '1 day') AS day
CROSS JOIN generate_series(1, %(monitors)s) AS m
CROSS JOIN LATERAL (
    SELECT abs(hashtext(m || '-' || day)) AS chance
) AS chances
ORDER BY day, m
"""
_ATTEMPTS = """
INSERT INTO monitoring.evaluation_attempt (
    monitor, window_start, window_end, attempt, computed_at, outcome, status, error, recorded_at,
    dag_id, dag_run_id, duration_seconds
)
SELECT
    monitor, window_start, window_end, attempt || outcomes.outcome, computed_at, outcomes.outcome,
    status, outcomes.error, written_at - outcomes.before, dag_id, dag_run_id,
    CASE WHEN outcomes.error IS NULL THEN duration_seconds END
FROM monitoring.evaluation
INNER JOIN (
    VALUES
        ('written', NULL, interval '0'), ('error', 'reference gone; restore it', interval '1 hour')
) AS outcomes (outcome, error, before)
    ON outcomes.outcome = 'written' OR hashtext(attempt) %% 50 = 0
ORDER BY window_start, monitor
"""
_TEMPLATE = """
CREATE UNLOGGED TABLE template (
    place integer, check_name text, metric text, column_name text, value double precision,
    threshold double precision, detail jsonb
)
"""
# Columns drift in turn; a window that fails misses its target and lacks values.
_MEASUREMENTS = """
INSERT INTO monitoring.{partition} (
    monitor, window_start, window_end, check_name, metric, column_name, segment, value, threshold,
    status, detail
)
SELECT
    evaluation.monitor, evaluation.window_start, evaluation.window_end, template.check_name,
    template.metric, template.column_name, '',
    CASE judgment.status
        WHEN 'ok' THEN template.value * (0.9 + 0.2 * random())
        ELSE template.threshold * (1.1 + random())
    END,
    template.threshold, judgment.status,
    CASE
        WHEN judgment.status = 'warning' THEN template.detail || '{{"drifted": true}}'
        ELSE template.detail
    END
FROM monitoring.evaluation
CROSS JOIN template
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN evaluation.status = 'ok' THEN 'ok'
        WHEN
            template.check_name = 'drift' AND template.column_name <> ''
            AND hashtext(template.column_name || evaluation.monitor) & 7 = 0
            THEN 'warning'
        WHEN
            evaluation.status = 'failed'
            AND (
                template.metric = 'rmse'
                OR (
                    template.metric = 'missing_share'
                    AND hashtext(template.column_name || evaluation.monitor) & 15 = 0
                )
            )
            THEN 'failed'
        ELSE 'ok'
    END AS status
) AS judgment
WHERE evaluation.window_start = %(day)s
ORDER BY evaluation.monitor, template.place
"""
_MLFLOW = """
INSERT INTO monitoring.mlflow_experiment (experiment_id, name, lifecycle_stage)
SELECT e::text, 'experiment_' || e, 'active' FROM generate_series(1, 50) AS e;
INSERT INTO monitoring.mlflow_run (
    run_id, experiment_id, name, status, lifecycle_stage, user_id, started_at, ended_at
)
SELECT
    md5(r::text), (1 + r %% 50)::text, 'run_' || r,
    CASE WHEN r %% 20 = 0 THEN 'FAILED' ELSE 'FINISHED' END, 'active', 'trainer',
    %(end)s - r * interval '2 hours', %(end)s - r * interval '2 hours' + interval '20 minutes'
FROM generate_series(1, 10000) AS r;
INSERT INTO monitoring.mlflow_run_metric (run_id, name, value, step, logged_at)
SELECT run_id, 'metric_' || n, random(), 1, ended_at
FROM monitoring.mlflow_run CROSS JOIN generate_series(1, 20) AS n;
INSERT INTO monitoring.mlflow_registered_model (name)
SELECT 'model_' || m FROM generate_series(0, 49) AS m;
INSERT INTO monitoring.mlflow_model_version (model_name, version, run_id, status, created_at)
SELECT 'model_' || m, v::text, md5((m * 9 + v)::text), 'READY', %(end)s - (10 - v) * interval '90 d'
FROM generate_series(0, 49) AS m CROSS JOIN generate_series(1, 9) AS v;
INSERT INTO monitoring.mlflow_alias_history (model_name, alias, version, valid_from, valid_to)
SELECT
    model_name, 'champion', version, created_at + interval '1 d',
    lead(created_at) OVER (PARTITION BY model_name ORDER BY created_at) + interval '1 d'
FROM monitoring.mlflow_model_version;
"""


@dataclass(frozen=True, slots=True)
class Filled:
    """What was written.

    Attributes:
        measurements: How many.
        sizes: Bytes a measurement, of the table and of each of its indexes by name, and the same of
            the last month, which grew a day at a time, under ``grown``.
    """

    measurements: int
    sizes: dict[str, dict[str, float]]


def fill(
    url: str,
    *,
    monitors: int = 100,
    days: int = 730,
    columns: int = 50,
    announce: Callable[[str], None] = lambda _what: None,
) -> Filled:
    """Fill a migrated database with daily results that end with 2026-11-20.

    Each evaluation holds what a real one of so many columns holds; values vary around it.

    Args:
        url: Of the database, as superuser.
        monitors: How many.
        days: So many windows of each.
        columns: Features of each; two in five are numerical.
        announce: Told what comes next.
    """
    connection = psycopg2.connect(libpq(url))
    connection.autocommit = True
    span = {"start": END - timedelta(days=days), "end": END, "monitors": monitors}
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET timezone = 'UTC'; SET synchronous_commit = off")
            cursor.execute("SET maintenance_work_mem = '512MB'; SET work_mem = '64MB'")
            for statement in (_EVALUATIONS, _ATTEMPTS, _MLFLOW):
                cursor.execute(statement, span)
            _write_template(cursor, measured(columns))
            _write_measurements(cursor, days, announce)
            announce("analyze")
            cursor.execute("VACUUM (ANALYZE)")
            return _sizes(cursor)
    finally:
        connection.close()


def _write_template(cursor: Cursor, measurements: Sequence[Measurement]) -> None:
    cursor.execute(_TEMPLATE)
    rows = [
        (place, m.check, m.metric, m.column, m.value, m.threshold, json.dumps(dict(m.detail)))
        for place, m in enumerate(measurements)
    ]
    execute_values(cursor, "INSERT INTO template VALUES %s", rows)
    cursor.execute("ANALYZE template; ANALYZE monitoring.evaluation")


def _write_measurements(cursor: Cursor, days: int, announce: Callable[[str], None]) -> None:
    """Write month after month, the indexes made when all but the last are there."""
    starts = [END - timedelta(days=number) for number in range(days, 0, -1)]
    months = sorted({day.replace(day=1) for day in starts})
    for month in months:
        cursor.execute("SELECT monitoring.create_measurement_partition(%s)", (month.date(),))
    with _without_indexes(cursor, announce) as make_indexes:
        for month in months:
            if month in months[-_GROWN_MONTHS:]:
                make_indexes()
            announce(f"{month:%Y-%m}")
            statement = _MEASUREMENTS.format(partition=f"measurement_{month:%Y_%m}")
            for day in starts:
                if day.replace(day=1) == month:
                    cursor.execute(statement, {"day": day})


@contextmanager
def _without_indexes(
    cursor: Cursor, announce: Callable[[str], None]
) -> Iterator[Callable[[], None]]:
    """Drop the indexes of measurements, and yield what makes them again."""
    cursor.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index "
        "WHERE indrelid = 'monitoring.measurement'::regclass"
    )
    definitions = dict(cursor.fetchall())
    for name in definitions:
        cursor.execute(f"DROP INDEX {name}")

    def make() -> None:
        while definitions:
            name, definition = definitions.popitem()
            announce(f"index {name}")
            cursor.execute(definition.replace(" ON ONLY ", " ON "))

    yield make
    make()


def _sizes(cursor: Cursor) -> Filled:
    cursor.execute(
        """
        SELECT
            child.inhrelid::regclass::text,
            pg_relation_size(child.inhrelid),
            (SELECT reltuples FROM pg_class WHERE oid = child.inhrelid),
            jsonb_object_agg(parent.inhparent::regclass::text, pg_relation_size(index.indexrelid))
        FROM pg_inherits AS child
        INNER JOIN pg_index AS index ON index.indrelid = child.inhrelid
        INNER JOIN pg_inherits AS parent ON parent.inhrelid = index.indexrelid
        WHERE child.inhparent = 'monitoring.measurement'::regclass
        GROUP BY child.inhrelid
        HAVING (SELECT reltuples FROM pg_class WHERE oid = child.inhrelid) > 0
        ORDER BY 1
        """
    )
    partitions = cursor.fetchall()
    made, grown = partitions[:-_GROWN_MONTHS], partitions[-_GROWN_MONTHS:]
    return Filled(
        measurements=round(sum(rows for _, _, rows, _ in partitions)),
        sizes={"made": _bytes_each(made or grown), "grown": _bytes_each(grown)},
    )


def _bytes_each(partitions: Sequence[tuple[Any, ...]]) -> dict[str, float]:
    rows = sum(rows for _, _, rows, _ in partitions)
    total = {"table": sum(size for _, size, _, _ in partitions) / rows}
    for _, _, _, indexes in partitions:
        for name, size in indexes.items():
            total[name] = total.get(name, 0.0) + size / rows
    return total
