"""Evidently - Data Drift Monitoring: one monitor, its features, window by window.

Links of mails, pages and alerts lead here, often over the time range of a single window.
"""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from monitoring_dashboards import (
    evaluations,
    events,
    feature_drift,
    layout,
    links,
    statuses,
    variables,
)
from monitoring_dashboards.conditions import IN_RANGE, MONITOR, NEWEST_FIRST, SEGMENT
from monitoring_dashboards.fields import limits
from monitoring_dashboards.layout import Page, Section
from monitoring_dashboards.panels import (
    Caption,
    Look,
    Panel,
    Style,
    stat,
    status_stat,
    timeseries,
)
from monitoring_dashboards.statuses import BLUE, GRAY, GREEN, ORANGE, PURPLE, RED
from monitoring_dashboards.targets import SqlTarget, instant, series, sql

_NO_WINDOW = "No window judged for drift in this time range."
_WHY = (
    f"{_NO_WINDOW} Choose a longer range; else see in the Dag whether the monitor is paused or "
    "has too few rows."
)
_DATASET = f"{MONITOR} AND {SEGMENT} AND {IN_RANGE} AND check_name = 'drift' AND column_name = ''"
_VERDICT = statuses.words(
    {
        "drift": ("drift", RED),
        "ok": ("no drift", GREEN),
        "insufficient_data": ("too few rows", BLUE),
        "skipped": ("not compared", GRAY),
        "error": ("error", PURPLE),
    }
)


def dashboard() -> Dashboard:
    """Return the dashboard."""
    chosen = links.chosen("monitor")
    return layout.dashboard(
        Page(
            uid="evidently-drift",
            title="Evidently - Data Drift Monitoring",
            description="Has the data of this monitor drifted: since when, in which features",
            variables=[
                variables.monitor(),
                variables.segment(),
                variables.feature(),
                *variables.addresses(),
            ],
            annotations=[*events.model_events(), events.reference_changes()],
            links=[
                links.airflow_page(
                    f"monitors/{chosen}/latest", "Newest report", "Evidently's newest report"
                ),
                links.airflow_page(f"monitors/{chosen}", "Windows", "All windows of this monitor"),
            ],
        ),
        [
            Section(panels=[*_answer(), _share(), _count()]),
            Section(
                title="Features",
                panels=[feature_drift.matrix(), feature_drift.scores(), feature_drift.missing()],
            ),
            Section(
                title="Evaluations",
                panels=[evaluations.durations(), evaluations.rate(), evaluations.windows()],
            ),
        ],
    )


def _newest(expression: str, metric: str = "drifted_share") -> SqlTarget:
    return sql(
        f"""
        SELECT {expression}
        FROM measurements
        WHERE {_DATASET} AND metric = '{metric}'
        ORDER BY {NEWEST_FIRST}
        LIMIT 1
        """
    )


def _answer() -> list[Panel]:
    verdict = "CASE WHEN status IN ('warning', 'failed') THEN 'drift' ELSE status END AS verdict"
    day = "TO_CHAR(window_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') AS window_start"
    newest = "in the newest window of the time range"
    return [
        status_stat(
            Caption(
                title="Drift",
                description=f"Whether the share of drifted features {newest} has reached its limit",
                unit="none",
                empty=_NO_WINDOW,
            ),
            [_newest(verdict)],
            size=(5, 4),
            style=Style(mappings=_VERDICT),
        ),
        stat(
            Caption(
                title="Drifted features",
                description=f"How many features drifted {newest}, of those that could be judged",
                unit="none",
                empty=_NO_WINDOW,
            ),
            [
                _newest(
                    "value AS drifted, (detail ->> 'judged')::integer AS judged",
                    "drifted_columns",
                )
            ],
            size=(6, 4),
            style=Style(decimals=0),
        ),
        stat(
            Caption(
                title="Share drifted",
                description=f"Drifted over judged features {newest}, and the limit",
                unit="percentunit",
                empty=_NO_WINDOW,
            ),
            [_newest("value AS share, threshold AS limit")],
            size=(5, 4),
            style=Style(decimals=0),
        ),
        status_stat(
            Caption(
                title="Newest window",
                description="The start (UTC) of the window that the figures beside speak of",
                unit="none",
                empty=_NO_WINDOW,
            ),
            [_newest(day)],
            size=(4, 4),
        ),
        stat(
            Caption(
                title="Drift, as alerts see it",
                description="What Prometheus, and with it the alerts, held at the end of the time "
                "range; the newest evaluation sets it",
                unit="none",
                empty="Nothing in Prometheus at the end of this time range.",
            ),
            [instant('evidently_data_drift_detected{monitor="$monitor"}', legend="drift")],
            size=(4, 4),
            style=Style(
                mappings=statuses.yes_or_no(yes=("drift", RED), no=("no drift", GREEN)),
            ),
        ),
    ]


def _share() -> Panel:
    return timeseries(
        Caption(
            title="Drift score of the data set",
            description="The share of features that drifted, by window; from the dashed limit on "
            "the window counts as drifted",
            unit="percentunit",
            empty=_WHY,
        ),
        [
            series(
                f"""
                SELECT window_start AS time, 'drifted share' AS metric, value
                FROM measurements
                WHERE {_DATASET} AND metric = 'drifted_share'
                UNION ALL
                SELECT window_start AS time, 'threshold' AS metric, threshold AS value
                FROM measurements
                WHERE {_DATASET} AND metric = 'drifted_share'
                ORDER BY 1, 2
                """
            )
        ],
        size=(12, 8),
        style=Style(fields=[limits()], bounds=(0, 1)),
    )


def _count() -> Panel:
    return timeseries(
        Caption(
            title="Drifted features by window",
            description="How many features drifted in each window",
            unit="none",
            empty=_WHY,
        ),
        [
            series(
                f"""
                SELECT window_start AS time, 'drifted features' AS metric, value
                FROM measurements
                WHERE {_DATASET} AND metric = 'drifted_columns'
                ORDER BY 1
                """
            )
        ],
        size=(12, 8),
        look=Look.BARS,
        style=Style(color=ORANGE, decimals=0, bounds=(0, None)),
    )
