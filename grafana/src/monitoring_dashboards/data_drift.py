"""Data Drift Monitoring Dashboard: the features of one or several monitors, side by side."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from monitoring_dashboards import drift_tables, events, feature_drift, layout, links, variables
from monitoring_dashboards.drift_tables import CURRENT, IS_FEATURE, MEANT, NONE_JUDGED, WHY, WINDOWS
from monitoring_dashboards.fields import Field, limits
from monitoring_dashboards.layout import Page, Section
from monitoring_dashboards.panels import (
    Caption,
    Look,
    Panel,
    Style,
    pie_chart,
    stat,
    timeseries,
)
from monitoring_dashboards.statuses import BLUE, GREEN, ORANGE, RED, Steps
from monitoring_dashboards.targets import SqlTarget, series, sql

_VERDICTS = [
    Field(name="drift", title="Drift", color=RED),
    Field(name="no_drift", title="No drift", color=GREEN),
    Field(name="not_judged", title="Not judged", color=BLUE),
]


def dashboard() -> Dashboard:
    """Return the dashboard."""
    return layout.dashboard(
        Page(
            uid="data-drift",
            title="Data Drift Monitoring Dashboard",
            description="Which features of these monitors drift now, how far, and is it growing",
            variables=[
                variables.monitor(multi=True),
                variables.version(),
                variables.segment(multi_monitor=True),
                variables.feature(multi_monitor=True),
                *variables.addresses(),
            ],
            annotations=[*events.model_events(), events.reference_changes()],
            links=[links.airflow_page("", "Report browser", "All monitors and their reports")],
        ),
        [
            Section(panels=[_summary(), _pie(), _trend(), drift_tables.status()]),
            Section(title="Over time", panels=[_shares(), _over_time()]),
            Section(title="Summary by feature", panels=[drift_tables.summary()]),
        ],
    )


def _verdicts() -> SqlTarget:
    return sql(
        f"""{CURRENT}
                SELECT COUNT(*) FILTER (WHERE drifted) AS drift,
                    COUNT(*) FILTER (WHERE NOT drifted) AS no_drift,
                    COUNT(*) FILTER (WHERE drifted IS NULL) AS not_judged
                FROM current
                WHERE {IS_FEATURE}
                HAVING COUNT(*) > 0
        """
    )


def _summary() -> Panel:
    return stat(
        Caption(
            title="Features now",
            description="Features in the newest window of each monitor within the time range. A "
            "feature is not judged where rows are too few or its method is not defined for it",
            unit="none",
            empty=NONE_JUDGED,
        ),
        [_verdicts()],
        size=(6, 8),
        style=Style(
            fields=[
                Field(name="drift", title="Drift", steps=Steps("text", (1, RED))),
                Field(name="no_drift", title="No drift", color="text"),
                Field(name="not_judged", title="Not judged", steps=Steps("text", (1, BLUE))),
            ]
        ),
    )


def _pie() -> Panel:
    return pie_chart(
        Caption(
            title="Drift or no drift",
            description="How the features of the newest windows divide",
            unit="none",
            empty=NONE_JUDGED,
        ),
        [_verdicts()],
        size=(6, 8),
        style=Style(fields=_VERDICTS),
    )


def _trend() -> Panel:
    return timeseries(
        Caption(
            title="Trend of drifted features",
            description="How many of the features chosen drifted in each window, by monitor; the "
            "bars of the same window stand on each other",
            unit="none",
            empty=WHY,
        ),
        [
            series(
                f"""
                SELECT window_start AS time, monitor AS metric,
                    COUNT(*) FILTER (WHERE drifted AND {IS_FEATURE}) AS value
                FROM column_drift
                WHERE {MEANT}
                GROUP BY window_start, monitor
                ORDER BY 1, 2
                """
            )
        ],
        size=(12, 8),
        look=Look.STACKED,
        style=Style(
            decimals=0,
            links=[links.dashboard("evidently-drift", "Drift", monitor=links.SERIES)],
        ),
    )


def _shares() -> Panel:
    return timeseries(
        Caption(
            title="Share of drifted features",
            description="Drifted over judged features of each window, by monitor, whatever "
            "features are chosen; from the dashed limit on the window counts as drifted",
            unit="percentunit",
            empty=WHY,
        ),
        [
            series(
                f"""
                WITH shares AS (
                    SELECT window_start, monitor, value, threshold
                    FROM measurements
                    WHERE {WINDOWS} AND check_name = 'drift'
                        AND metric = 'drifted_share' AND column_name = ''
                )
                SELECT window_start AS time, monitor AS metric, value FROM shares
                UNION ALL
                SELECT window_start, 'threshold ' || monitor, threshold FROM shares
                ORDER BY 1, 2
                """
            )
        ],
        size=(24, 8),
        style=Style(fields=[limits()], bounds=(0, 1)),
    )


def _over_time() -> Panel:
    """Return a chart of each monitor chosen."""
    return (
        timeseries(
            Caption(
                title="Feature drift over time: $monitor",
                description="Score over threshold, so that methods compare: from the dashed line "
                "at 1 on the feature drifted. The fifteen features that went furthest",
                unit="none",
                empty=WHY,
            ),
            [
                series(
                    f"""
                {feature_drift.worst_of_each(MEANT, 15)}
                    """
                )
            ],
            size=(24, 9),
            style=Style(
                steps=Steps("transparent", (1, ORANGE)),
                decimals=2,
                bounds=(0, None),
                calcs=("lastNotNull", "max"),
            ),
        )
        .max_data_points(feature_drift.POINTS)
        .repeat("monitor")
        .repeat_direction("v")
    )
