"""Tables about the features of several monitors: where they stand now, and how often they drift."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import ValueMapping

from monitoring_dashboards import feature_drift, links, statuses
from monitoring_dashboards.conditions import FEATURES, IN_RANGE, MONITORS, NEWEST, SEGMENT, VERSIONS
from monitoring_dashboards.fields import Field
from monitoring_dashboards.panels import Caption, Panel, Style, table
from monitoring_dashboards.statuses import GREEN, RED, YELLOW, Steps
from monitoring_dashboards.targets import sql
from monitoring_dashboards.units import COUNT, INSTANT

WINDOWS = f"{MONITORS} AND {SEGMENT} AND {VERSIONS} AND {IN_RANGE}"
MEANT = f"{WINDOWS} AND {FEATURES}"
# The model's own answer is shown beside the features, but not counted among them.
IS_FEATURE = "role IS DISTINCT FROM 'prediction'"
NONE_JUDGED = "No window with these features was judged in this time range."
WHY = (
    f"{NONE_JUDGED} Choose a longer range, or another monitor, segment or version; a feature "
    "with too few rows has no score."
)
# Of each monitor's newest window within the time range, the features chosen.
CURRENT = f"""
                WITH {NEWEST},
                current AS (
                    SELECT drift.*
                    FROM newest
                    INNER JOIN column_drift AS drift USING (monitor, window_start, window_end)
                    WHERE {SEGMENT} AND {FEATURES} AND {VERSIONS}
                )"""
_DRIFT = links.dashboard(
    "evidently-drift",
    "Drift of this monitor",
    keep=["segment"],
    monitor=links.column("monitor"),
)


def status() -> Panel:
    """Return each feature in the newest window of its monitor, furthest off first."""
    report = links.report(links.column("evaluation_id"))
    return table(
        Caption(
            title="Current drift status",
            description="Each feature in the newest window of its monitor, furthest beyond its "
            "threshold first. Beyond: score over threshold, from 1 on it drifted. Click a score "
            "for the report",
            unit="none",
            empty=WHY,
        ),
        [
            sql(
                f"""{CURRENT}
                SELECT CASE WHEN drifted THEN 'drift' WHEN NOT drifted THEN 'no drift'
                        ELSE status END AS verdict,
                    monitor, column_name, method, score, threshold, excess, window_start,
                    n_current, n_reference, evaluation_id
                FROM current
                ORDER BY excess DESC NULLS LAST, monitor, column_name
                LIMIT 500
                """
            )
        ],
        size=(24, 11),
        style=Style(
            fields=[
                Field(name="verdict", title="Verdict", mappings=_words(), cell="color-background"),
                Field(name="monitor", title="Monitor", links=[_DRIFT, report]),
                Field(name="column_name", title="Feature", links=[_DRIFT, report]),
                Field(name="method", title="Method"),
                Field(name="score", title="Score", decimals=4, links=[report]),
                Field(name="threshold", title="Threshold", decimals=4),
                Field(
                    name="excess",
                    title="Beyond",
                    decimals=2,
                    steps=feature_drift.EXCESS,
                    cell="gauge",
                    bounds=(0, 3),
                    width=160,
                ),
                Field(name="window_start", title="Window", unit=INSTANT, links=[report]),
                Field(name="n_current", title="Rows", unit=COUNT),
                Field(name="n_reference", title="Reference rows", unit=COUNT),
                Field(name="evaluation_id", hidden=True),
            ]
        ),
    )


def _words() -> list[ValueMapping]:
    return statuses.words(
        {
            "drift": ("drift", RED),
            "no drift": ("no drift", GREEN),
            "insufficient_data": ("too few rows", statuses.COLORS["insufficient_data"]),
            "skipped": ("not compared", statuses.COLORS["skipped"]),
            "error": ("error", statuses.COLORS["error"]),
        }
    )


def summary() -> Panel:
    """Return how often each feature drifted in the time range, and how far."""
    return table(
        Caption(
            title="Features in this time range",
            description="How often each feature drifted, and how far beyond its threshold it was "
            "on average and at most; most often drifted first",
            unit="none",
            empty=WHY,
        ),
        [
            sql(
                f"""
                SELECT monitor, column_name, COUNT(*) FILTER (WHERE drifted) AS drifted,
                    COUNT(drifted) AS judged,
                    AVG(drifted::integer) AS share, AVG(excess) AS mean_excess,
                    MAX(excess) AS max_excess,
                    MAX(window_start) FILTER (WHERE drifted) AS last_drift
                FROM column_drift
                WHERE {MEANT}
                GROUP BY monitor, column_name
                ORDER BY share DESC NULLS LAST, max_excess DESC NULLS LAST, monitor, column_name
                LIMIT 500
                """
            )
        ],
        size=(24, 10),
        style=Style(
            fields=[
                Field(name="monitor", title="Monitor", links=[_DRIFT]),
                Field(name="column_name", title="Feature", links=[_DRIFT]),
                Field(name="drifted", title="Windows with drift"),
                Field(name="judged", title="Windows judged"),
                Field(
                    name="share",
                    title="Share of windows",
                    unit="percentunit",
                    bounds=(0, 1),
                    steps=Steps(GREEN, (0.1, YELLOW), (0.5, RED)),
                    cell="gauge",
                ),
                Field(name="mean_excess", title="Beyond, mean", decimals=2),
                Field(
                    name="max_excess",
                    title="Beyond, most",
                    decimals=2,
                    steps=feature_drift.EXCESS,
                    cell="color-text",
                ),
                Field(name="last_drift", title="Last drift", unit=INSTANT),
            ]
        ),
    )
