"""Panels about how well a model did where labels came: against thresholds, and over how many."""

from __future__ import annotations

from collections.abc import Sequence

from monitoring_dashboards import links, statuses
from monitoring_dashboards.conditions import IN_RANGE, MONITOR, SEGMENT, VERSIONS, among
from monitoring_dashboards.fields import Field, limits
from monitoring_dashboards.panels import Caption, Panel, Style, table, timeseries
from monitoring_dashboards.targets import series, sql
from monitoring_dashboards.units import INSTANT

_MODELS = among("COALESCE(model_name, '')", "model")
# From 0 to 1, and more is better.
SCORES = ("accuracy", "precision", "recall", "f1", "roc_auc", "r2")
COVERAGES = ("label_coverage", "prediction_coverage")
# A value of too few rows is noise: its row says so, and no chart pretends otherwise.
JUDGED = "value IS NOT NULL AND status NOT IN ('insufficient_data', 'skipped', 'error')"

_MEANT = f"{MONITOR} AND {SEGMENT} AND {_MODELS} AND {VERSIONS} AND {IN_RANGE}"
_NO_LABELS = (
    "No window of this time range has enough labels, or the monitor file names no target. Labels"
    " that come late fill earlier windows: choose a longer range."
)


def newest() -> Panel:
    """Return the newest judged value of every metric, worst first."""
    return table(
        Caption(
            title="Performance against its thresholds",
            description="The newest value of each metric that could be judged, the worst first. "
            "Labels may come late: the window says which day it is about",
            unit="none",
            empty=_NO_LABELS,
        ),
        [
            sql(
                f"""
                WITH newest AS (
                    SELECT DISTINCT ON (metric)
                        metric, value, bound, threshold, status, window_start, label_coverage
                    FROM performance
                    WHERE {_MEANT} AND {JUDGED} AND metric NOT IN ({_listed(COVERAGES)})
                    ORDER BY metric, window_end DESC, window_start DESC
                )
                SELECT metric, value,
                    CASE bound WHEN 'min' THEN 'at least ' ELSE 'at most ' END || threshold
                    AS allowed, status, window_start, label_coverage
                FROM newest
                ORDER BY {statuses.code("status")}, threshold IS NULL, metric
                """
            )
        ],
        size=(10, 9),
        style=Style(
            fields=[
                Field(name="metric", title="Metric", width=110),
                Field(
                    name="value",
                    title="Value",
                    decimals=3,
                    width=90,
                    links=[links.latest_report(links.chosen("monitor"))],
                ),
                Field(name="allowed", title="Allowed", width=130),
                Field(
                    name="status",
                    title="Verdict",
                    mappings=statuses.by_name(),
                    cell="color-background",
                    width=100,
                ),
                Field(name="window_start", title="Window", unit=INSTANT),
                Field(name="label_coverage", title="Labeled", unit="percentunit", width=90),
            ]
        ),
    )


def scores() -> Panel:
    """Return the metrics from 0 to 1 over time, with their thresholds."""
    return timeseries(
        Caption(
            title="Scores",
            description="Accuracy, precision, recall, F1, ROC AUC or R², by window: more is "
            "better. Dashed: what the monitor file allows",
            unit="none",
            empty=_NO_LABELS,
        ),
        [series(_over_time(f"metric IN ({_listed(SCORES)})"))],
        size=(14, 9),
        style=Style(fields=[limits()], decimals=3, calcs=("lastNotNull", "min")),
    )


def errors() -> Panel:
    """Return the metrics that count mistakes over time, with their thresholds."""
    return timeseries(
        Caption(
            title="Errors",
            description="Log loss, MAE, RMSE or MAPE, by window: less is better. Dashed: what the "
            "monitor file allows",
            unit="none",
            empty=_NO_LABELS,
        ),
        [series(_over_time(f"metric NOT IN ({_listed((*SCORES, *COVERAGES))})"))],
        size=(12, 8),
        style=Style(fields=[limits()], bounds=(0, None), calcs=("lastNotNull", "max")),
    )


def coverage() -> Panel:
    """Return how many rows had a label and a prediction over time, with the limits."""
    return timeseries(
        Caption(
            title="Label coverage",
            description="Share of rows with a label, and with a prediction: what the metrics rest "
            "on. A low share on the newest days means that labels are still to come",
            unit="percentunit",
            empty="The monitor file names no target: nothing can be known of performance.",
        ),
        [series(_over_time(f"metric IN ({_listed(COVERAGES)})", judged="value IS NOT NULL"))],
        size=(12, 8),
        style=Style(fields=[limits()], bounds=(0, 1)),
    )


def _over_time(metrics: str, judged: str = JUDGED) -> str:
    return f"""
        WITH judged AS (
            SELECT window_start, REPLACE(metric, '_', ' ') AS metric, value, threshold
            FROM performance
            WHERE {_MEANT} AND {judged} AND {metrics}
        )
        SELECT window_start AS time, metric, value FROM judged
        UNION ALL
        SELECT window_start, 'threshold of ' || metric, threshold FROM judged
        WHERE threshold IS NOT NULL
        ORDER BY 1, 2
        """


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
