"""Panels about the data of a monitor: how complete and plausible they are, by window and column."""

from __future__ import annotations

from monitoring_dashboards import statuses
from monitoring_dashboards.conditions import FEATURES, IN_RANGE, MONITOR, SEGMENT
from monitoring_dashboards.fields import Field, limits
from monitoring_dashboards.panels import Caption, Panel, Style, table, timeseries
from monitoring_dashboards.targets import series, sql
from monitoring_dashboards.units import COUNT, INSTANT

_MEANT = f"{MONITOR} AND {SEGMENT} AND {IN_RANGE}"
_NO_WINDOW = "No window of this monitor was checked for quality in this time range."


def scores() -> Panel:
    """Return quality score and completeness over time, with the limit."""
    return timeseries(
        Caption(
            title="Quality score and completeness",
            description="The score from 0 to 1 that docs/checks-and-metrics.md defines, and the "
            "mean share of values present. Dashed: the least score that the monitor file allows",
            unit="percentunit",
            empty=_NO_WINDOW,
        ),
        [
            series(
                f"""
                WITH windows AS (
                    SELECT window_start, data_quality_score, completeness, score_limit
                    FROM window_quality
                    WHERE {_MEANT}
                )
                SELECT window_start AS time, 'quality score' AS metric, data_quality_score AS value
                FROM windows WHERE data_quality_score IS NOT NULL
                UNION ALL
                SELECT window_start, 'completeness', completeness
                FROM windows WHERE completeness IS NOT NULL
                UNION ALL
                SELECT window_start, 'threshold', score_limit
                FROM windows WHERE score_limit IS NOT NULL
                ORDER BY 1, 2
                """
            )
        ],
        size=(14, 10),
        style=Style(fields=[limits()], decimals=2, bounds=(None, 1), calcs=("lastNotNull", "min")),
    )


def columns() -> Panel:
    """Return the columns of the newest window, the least complete first."""
    return table(
        Caption(
            title="Columns of the newest window",
            description="The columns chosen, failed ones and the least complete first",
            unit="none",
            empty=_NO_WINDOW,
        ),
        [
            sql(
                f"""
                SELECT column_name, status, completeness, missing_count, outlier_share,
                    out_of_range_share, new_category_share, distinct_values, mean, window_start
                FROM column_quality
                WHERE {_MEANT} AND {FEATURES}
                    AND (window_start, window_end) = (
                        SELECT window_start, window_end FROM evaluations
                        WHERE {MONITOR} AND {IN_RANGE}
                        ORDER BY window_end DESC, window_start DESC
                        LIMIT 1
                    )
                ORDER BY {statuses.code("status")}, completeness, outlier_share DESC NULLS LAST
                """
            )
        ],
        size=(24, 9),
        style=Style(
            fields=[
                Field(name="column_name", title="Column"),
                Field(
                    name="status",
                    title="Verdict",
                    mappings=statuses.by_name(),
                    cell="color-background",
                    width=110,
                ),
                _share("completeness", "Complete"),
                Field(name="missing_count", title="Missing", unit=COUNT),
                _share("outlier_share", "Outliers"),
                _share("out_of_range_share", "Out of range"),
                _share("new_category_share", "New categories"),
                Field(name="distinct_values", title="Distinct", unit=COUNT),
                Field(name="mean", title="Mean", decimals=3),
                Field(name="window_start", title="Window", unit=INSTANT, width=170),
            ]
        ),
    )


def _share(name: str, title: str) -> Field:
    return Field(name=name, title=title, unit="percentunit", decimals=1)
