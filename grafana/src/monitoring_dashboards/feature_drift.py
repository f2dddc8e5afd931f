"""Panels about one monitor's features: their drift, window by window, and what is missing."""

from __future__ import annotations

from monitoring_dashboards import links
from monitoring_dashboards.conditions import FEATURES, IN_RANGE, MONITOR, SEGMENT
from monitoring_dashboards.fields import limits
from monitoring_dashboards.panels import Caption, Panel, Style, status_history, timeseries
from monitoring_dashboards.statuses import GREEN, ORANGE, RED, YELLOW, Steps
from monitoring_dashboards.targets import series

# Colors of the excess over the threshold: 1 lies at it, whichever way the method counts.
EXCESS = Steps(GREEN, (0.8, YELLOW), (1, ORANGE), (2, RED))
MEANT = f"{MONITOR} AND {SEGMENT} AND {FEATURES} AND {IN_RANGE}"
# Over a long time range several windows share a point: the worst of them is shown.
POINTS = 100
BUCKET = "$__timeGroup(window_start, $__interval)"
_EMPTY = (
    "None of these features was judged in this time range. Choose a longer range or other "
    "features; a feature with too few rows has no score."
)


def worst_of_each(where: str, features: int) -> str:
    """Return the query of the excess of those features that went furthest."""
    return f"""WITH scores AS (
                    SELECT {BUCKET} AS bucket, column_name, MAX(excess) AS excess
                    FROM column_drift
                    WHERE {where} AND excess IS NOT NULL
                    GROUP BY bucket, column_name
                )
                SELECT bucket AS time, column_name AS metric, excess AS value
                FROM scores
                WHERE column_name IN (
                    SELECT column_name FROM scores
                    GROUP BY column_name ORDER BY MAX(excess) DESC, column_name LIMIT {features}
                )
                ORDER BY 1, 2"""


def matrix() -> Panel:
    """Return features against windows, colored by how far each is beyond its threshold."""
    return status_history(
        Caption(
            title="Feature matrix",
            description="Score over threshold, so that methods compare: from 1 on (orange) the "
            "feature drifted, from 2 on (red) by far. For p-values it is the quotient of "
            "logarithms. The sixty features that went furthest",
            unit="none",
            empty=_EMPTY,
        ),
        [
            series(
                f"""
                {worst_of_each(MEANT, 60)}
                """
            )
        ],
        size=(24, 14),
        style=Style(
            steps=EXCESS,
            decimals=2,
            links=[
                links.dashboard(
                    "data-drift", "This feature", keep=["monitor", "segment"], feature=links.SERIES
                )
            ],
        ),
    ).max_data_points(POINTS)


def scores() -> Panel:
    """Return the scores of the features that went furthest, with their thresholds."""
    return timeseries(
        Caption(
            title="Drift score by feature",
            description="The score of each feature by its own method; the dashed threshold of a "
            "distance is crossed upward, that of a p-value downward. The fifteen features that "
            "went furthest",
            unit="none",
            empty=_EMPTY,
        ),
        [
            series(
                f"""
                WITH scores AS (
                    SELECT {BUCKET} AS bucket, column_name, method,
                        (ARRAY_AGG(score ORDER BY excess DESC NULLS LAST))[1] AS score,
                        MAX(threshold) AS threshold, MAX(excess) AS excess
                    FROM column_drift
                    WHERE {MEANT} AND score IS NOT NULL
                    GROUP BY bucket, column_name, method
                ),
                furthest AS (
                    SELECT * FROM scores
                    WHERE column_name IN (
                        SELECT column_name FROM scores
                        GROUP BY column_name
                        ORDER BY MAX(excess) DESC NULLS LAST, column_name LIMIT 15
                    )
                )
                SELECT bucket AS time, column_name AS metric, score AS value
                FROM furthest
                UNION ALL
                SELECT DISTINCT bucket, CONCAT('threshold ', method, ' ', threshold), threshold
                FROM furthest
                WHERE threshold IS NOT NULL
                ORDER BY 1, 2
                """
            )
        ],
        size=(14, 10),
        style=Style(fields=[limits()], decimals=3, calcs=("lastNotNull", "max")),
    ).max_data_points(POINTS)


def missing() -> Panel:
    """Return the share of missing values of the features that miss most, with the limit."""
    return timeseries(
        Caption(
            title="Missing ratio by feature",
            description="Rows without a value over all rows; dashed: their limits. "
            "The fifteen features that miss most",
            unit="percentunit",
            empty="No missing values were counted in this time range: no window was judged, or "
            "the monitor checks other columns.",
        ),
        [
            series(
                f"""
                WITH shares AS (
                    SELECT {BUCKET} AS bucket, column_name, MAX(value) AS missing_share,
                        MIN(threshold) AS missing_limit
                    FROM measurements
                    WHERE {MEANT} AND check_name = 'quality' AND metric = 'missing_share'
                        AND value IS NOT NULL
                    GROUP BY bucket, column_name
                ),
                emptiest AS (
                    SELECT * FROM shares
                    WHERE column_name IN (
                        SELECT column_name FROM shares
                        GROUP BY column_name ORDER BY MAX(missing_share) DESC, column_name LIMIT 15
                    )
                )
                SELECT bucket AS time, column_name AS metric, missing_share AS value
                FROM emptiest
                UNION ALL
                SELECT DISTINCT bucket, CONCAT('threshold ', missing_limit), missing_limit
                FROM emptiest
                WHERE missing_limit IS NOT NULL
                ORDER BY 1, 2
                """
            )
        ],
        size=(10, 10),
        style=Style(fields=[limits()], bounds=(0, None), calcs=("max",)),
    ).max_data_points(POINTS)
