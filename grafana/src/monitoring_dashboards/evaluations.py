"""Panels about the evaluations of the monitors chosen: how long, how many, which."""

from __future__ import annotations

from grafana_foundation_sdk.builders import timeseries as charts

from monitoring_dashboards import links, statuses
from monitoring_dashboards.conditions import IN_RANGE, MONITORS
from monitoring_dashboards.fields import Field
from monitoring_dashboards.panels import Caption, Look, Panel, Size, Style, table, timeseries
from monitoring_dashboards.statuses import GRAY, GREEN, PURPLE
from monitoring_dashboards.targets import series, sql
from monitoring_dashboards.units import COUNT, INSTANT

_NO_WINDOW = "No window of these monitors was judged in this time range."
_EVALUATION = links.column("evaluation_id")
_RUN = links.dag_run(links.column("dag_id"), links.column("dag_run_id"))
RUN_KEYS = tuple(
    Field(name=name, hidden=True) for name in ("evaluation_id", "dag_id", "dag_run_id")
)
OUTCOMES = [
    Field(name="written", title="Written", color=GREEN),
    Field(name="stale_attempt", title="Refused as stale", color=GRAY),
    Field(name="error", title="Failed", color=PURPLE),
]


def durations(size: Size = (8, 8)) -> Panel:
    """Return how long the evaluations of the slowest monitors took."""
    return timeseries(
        Caption(
            title="Evaluation duration",
            description="From reading the data to the verdict, by window; the slowest twenty "
            "monitors",
            unit="s",
            empty=_NO_WINDOW,
        ),
        [series(_of_most("duration_seconds"))],
        size=size,
        style=Style(bounds=(0, None)),
    )


def peak_memory() -> Panel:
    """Return how much memory the evaluations of the largest monitors took."""
    return timeseries(
        Caption(
            title="Peak memory of an evaluation",
            description="The greatest resident set of the process, by window; the twenty monitors "
            "that took most",
            unit="bytes",
            empty=_NO_WINDOW,
        ),
        [series(_of_most("peak_memory_bytes"))],
        size=(12, 8),
        style=Style(bounds=(0, None)),
    )


def rows() -> Panel:
    """Return how many rows the windows of the largest monitors had."""
    return timeseries(
        Caption(
            title="Rows by window",
            description="How many rows each window had; the twenty largest monitors",
            unit=COUNT,
            empty=_NO_WINDOW,
        ),
        [series(_of_most("rows_current"))],
        size=(12, 8),
        style=Style(bounds=(0, None)),
    )


def rate() -> Panel:
    """Return how many evaluations of the windows in the time range ended how."""
    return _counted(
        "window_start",
        "How many evaluations of which windows ended how; a long time range counts several "
        "windows together",
        (8, 8),
    ).max_data_points(60)


def runs() -> Panel:
    """Return how many evaluations that ran in the time range ended how."""
    return _counted(
        "recorded_at",
        "How many evaluations ended how, by the day on which they ran; a long time range counts "
        "several days together",
        (12, 8),
    ).interval("1d")


def _counted(instant: str, description: str, size: Size) -> charts.Panel:
    return timeseries(
        Caption(
            title="Evaluation rate",
            description=description,
            unit="none",
            empty="Nothing ran for these monitors in this time range.",
        ),
        [
            series(
                f"""
                SELECT $__timeGroup({instant}, $__interval) AS time, outcome AS metric,
                    COUNT(*) AS value
                FROM attempts
                WHERE {MONITORS} AND $__timeFilter({instant}) AND {instant} < $__timeTo()
                GROUP BY 1, 2
                ORDER BY 1, 2
                """
            )
        ],
        size=size,
        look=Look.STACKED,
        style=Style(fields=OUTCOMES, decimals=0),
    )


def windows() -> Panel:
    """Return the windows, newest first, each with the way to its report."""
    return table(
        Caption(
            title="Windows",
            description="The judged windows, newest first. Click a window for its report, and "
            "what was measured for the Dag run",
            unit="none",
            empty=_NO_WINDOW,
        ),
        [
            sql(
                f"""
                SELECT window_start, status, rows_current, duration_seconds, evaluation_id,
                    dag_id, dag_run_id
                FROM evaluations
                WHERE {MONITORS} AND {IN_RANGE}
                ORDER BY window_start DESC
                LIMIT 500
                """
            )
        ],
        size=(8, 8),
        style=Style(
            fields=[
                Field(
                    name="window_start",
                    title="Window",
                    unit=INSTANT,
                    links=[links.report(_EVALUATION), _RUN],
                ),
                Field(
                    name="status",
                    title="Verdict",
                    mappings=statuses.by_name(),
                    cell="color-background",
                ),
                Field(name="rows_current", title="Rows", unit=COUNT),
                Field(name="duration_seconds", title="Took", unit="s", links=[_RUN]),
                *RUN_KEYS,
            ]
        ),
    )


def attempts() -> Panel:
    """Return the attempts in the time range: failures first, each with its error and its run."""
    return table(
        Caption(
            title="Attempts, failures first",
            description="Every execution: failed ones with what they said, then the others, "
            "newest first. Click an outcome for the Dag run's log",
            unit="none",
            empty="Nothing ran for these monitors in this time range.",
        ),
        [
            sql(
                f"""
                SELECT outcome, recorded_at, monitor, window_start, status, error,
                    duration_seconds, dag_id, dag_run_id
                FROM attempts
                WHERE {MONITORS} AND $__timeFilter(recorded_at)
                ORDER BY outcome = 'error' DESC, recorded_at DESC
                LIMIT 300
                """
            )
        ],
        size=(24, 9),
        style=Style(fields=_attempt_fields()),
    )


def _attempt_fields() -> list[Field]:
    outcomes = {
        "error": ("failed", PURPLE),
        "stale_attempt": ("refused as stale", GRAY),
        "written": ("written", GREEN),
    }
    return [
        Field(
            name="outcome",
            title="Outcome",
            mappings=statuses.words(outcomes),
            cell="color-background",
            links=[_RUN],
            width=140,
        ),
        Field(name="recorded_at", title="When", unit=INSTANT, width=170),
        Field(
            name="monitor",
            title="Monitor",
            links=[links.dashboard("evidently-drift", "Drift", monitor=links.column("monitor"))],
            width=200,
        ),
        Field(name="window_start", title="Window", unit=INSTANT, width=170),
        Field(name="status", title="Verdict", mappings=statuses.by_name(), cell="color-text"),
        Field(name="error", title="Error"),
        Field(name="duration_seconds", title="Took", unit="s", width=100),
        *RUN_KEYS[1:],
    ]


def _of_most(column: str) -> str:
    """Return the query of a figure of evaluations, for the twenty monitors with the greatest."""
    return f"""
        WITH figures AS (
            SELECT window_start, monitor, {column} AS value
            FROM evaluations
            WHERE {MONITORS} AND {IN_RANGE}
        )
        SELECT window_start AS time, monitor AS metric, value
        FROM figures
        WHERE monitor IN (
            SELECT monitor FROM figures
            GROUP BY monitor ORDER BY MAX(value) DESC, monitor LIMIT 20
        )
        ORDER BY 1, 2
        """
