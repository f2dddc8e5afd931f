"""Fleet Overview: which of all models need somebody today, worst first."""

from __future__ import annotations

from collections.abc import Iterable

from grafana_foundation_sdk.builders.dashboard import QueryVariable
from grafana_foundation_sdk.models.dashboard import Dashboard

from monitoring_dashboards import events, fleet_tables, layout, links, statuses, variables
from monitoring_dashboards.fields import Field
from monitoring_dashboards.fleet_tables import NOTHING_RAN, OWNED
from monitoring_dashboards.layout import Page, Section
from monitoring_dashboards.panels import (
    Caption,
    Look,
    Panel,
    Style,
    bar_chart,
    stat,
    status_history,
    timeseries,
)
from monitoring_dashboards.statuses import COLORS, GREEN, RED, WORDS, Steps
from monitoring_dashboards.targets import series, sql

_NEED_YOU = "('error', 'failed', 'overdue', 'warning')"
_COUNTS = [
    Field(name=state, title=WORDS[state].capitalize(), steps=Steps("text", (1, color)))
    for state, color in COLORS.items()
]
_COLORS = [
    Field(name=state, title=WORDS[state].capitalize(), color=color)
    for state, color in COLORS.items()
]

# A verdict is never "overdue": that is what a monitor is.
_VERDICTS = [name for name in COLORS if name != "overdue"]


def _of_each(column: str, names: Iterable[str]) -> str:
    """Return the columns that count each state, worst first: so charts stack them, from below."""
    return ", ".join(f"COUNT(*) FILTER (WHERE {column} = '{name}') AS {name}" for name in names)


def dashboard() -> Dashboard:
    """Return the dashboard."""
    return layout.dashboard(
        Page(
            uid="fleet-overview",
            title="Fleet Overview",
            description="Which of my models need me today: worst first, since when, and why",
            refresh="5m",
            variables=[_owner(), *variables.addresses()],
            annotations=[
                *events.model_events("TRUE"),
                events.reference_changes("TRUE"),
            ],
            links=[links.airflow_page("", "Report browser", "All monitors and their reports")],
        ),
        [
            Section(panels=[_needing_you(), _by_state(), fleet_tables.worst_first()]),
            Section(title="The last days", panels=[_verdicts(), _by_owner(), _matrix()]),
            Section(title="Deadlines", panels=[fleet_tables.deadlines()]),
        ],
    )


def _owner() -> QueryVariable:
    return (
        variables.query(
            "owner",
            "Owner",
            "Whose monitors are shown, as the monitor files name them",
            """
            SELECT DISTINCT
                CASE COALESCE(owner, '') WHEN '' THEN 'nobody named' ELSE owner END AS __text,
                COALESCE(owner, '') AS __value
            FROM monitor_names LEFT JOIN latest_evaluations USING (monitor)
            ORDER BY __text
            """,
        )
        .multi(True)
        .include_all(True)
    )


def _needing_you() -> Panel:
    return stat(
        Caption(
            title="Need you today",
            description="Monitors that could not be judged, failed, are overdue or warn",
            unit="none",
            empty=NOTHING_RAN,
        ),
        [
            sql(
                f"""
                SELECT COUNT(*) FILTER (WHERE state IN {_NEED_YOU}) AS monitors
                FROM monitor_status
                WHERE {OWNED}
                HAVING COUNT(*) > 0
                """
            )
        ],
        size=(4, 4),
        style=Style(steps=Steps(GREEN, (1, RED))),
    )


def _by_state() -> Panel:
    return stat(
        Caption(
            title="Monitors by state",
            description="The newest window's verdict; error where a later attempt failed, overdue "
            "where the next window's is an hour late",
            unit="none",
            empty=NOTHING_RAN,
        ),
        [
            sql(
                f"""
                SELECT
                    {_of_each("state", COLORS)}
                FROM monitor_status
                WHERE {OWNED}
                HAVING COUNT(*) > 0
                """
            )
        ],
        size=(20, 4),
        style=Style(fields=_COUNTS),
    )


def _verdicts() -> Panel:
    return timeseries(
        Caption(
            title="Verdicts by day",
            description="How many windows that ended on a day got which verdict",
            unit="none",
            empty="No window of these owners' monitors ended in this time range.",
        ),
        [
            series(
                f"""
                SELECT $__timeGroup(window_end, $__interval) AS time,
                    {_of_each("status", _VERDICTS)}
                FROM evaluations
                WHERE $__timeFilter(window_end) AND {OWNED}
                GROUP BY 1
                ORDER BY 1
                """
            )
        ],
        size=(14, 9),
        look=Look.STACKED,
        style=Style(fields=[field for field in _COLORS if field.name != "overdue"], decimals=0),
    ).interval("1d")


def _by_owner() -> Panel:
    return bar_chart(
        Caption(
            title="Monitors by owner",
            description="How many monitors of each owner are in which state; the twenty owners "
            "with most to do come first",
            unit="none",
            empty=NOTHING_RAN,
        ),
        [
            sql(
                f"""
                SELECT CASE owner WHEN '' THEN 'nobody named' ELSE owner END AS owner,
                    {_of_each("state", COLORS)}
                FROM monitor_status
                WHERE {OWNED}
                GROUP BY owner
                ORDER BY COUNT(*) FILTER (WHERE state IN {_NEED_YOU}) DESC, owner
                LIMIT 20
                """
            )
        ],
        size=(10, 9),
        style=Style(fields=_COLORS, decimals=0),
        stacked=True,
    )


def _matrix() -> Panel:
    panel = status_history(
        Caption(
            title="Newest windows of the monitors that need you most",
            description="A row of each of the worst thirty monitors, a cell of each of their "
            "newest thirty windows that lie in the time range",
            unit="none",
            empty="None of these monitors has judged a window in this time range.",
        ),
        [
            series(
                f"""
                WITH worst AS (
                    SELECT monitor FROM monitor_status
                    WHERE {OWNED}
                    ORDER BY state_rank, since NULLS LAST, monitor
                    LIMIT 30
                )
                SELECT recent.window_start AS time, recent.monitor AS metric,
                    {statuses.code("recent.status")} AS value
                FROM worst
                INNER JOIN recent_windows AS recent ON recent.monitor = worst.monitor
                WHERE $__timeFilter(recent.window_start)
                ORDER BY 1, 2
                """
            )
        ],
        size=(24, 7),
        style=Style(
            mappings=statuses.by_code(),
            links=[links.dashboard("evidently-drift", "Drift", monitor=links.SERIES)],
        ),
    )
    return panel.per_page(10)
