"""Panels about the predictions of windows: how many there were, and how they were spread."""

from __future__ import annotations

from monitoring_dashboards.conditions import IN_RANGE, MONITORS
from monitoring_dashboards.fields import Field
from monitoring_dashboards.panels import Caption, Look, Panel, Style, timeseries
from monitoring_dashboards.statuses import RED
from monitoring_dashboards.targets import series
from monitoring_dashboards.units import COUNT

_QUANTILES = {
    "max": "greatest",
    "q95": "95 %",
    "q75": "75 %",
    "q50": "median",
    "mean": "mean",
    "q25": "25 %",
    "q05": "5 %",
    "min": "least",
    "distinct": "different classes",
}


def volume(color: str | None = None) -> Panel:
    """Return how many rows of each window had a prediction, and how many had none.

    Args:
        color: That of predictions, where they are one monitor's.
    """
    return timeseries(
        Caption(
            title="Predictions",
            description="Rows of each window with a prediction; red those without one, which count "
            "as failed",
            unit=COUNT,
            empty="No window with a prediction column was judged in this time range.",
        ),
        [
            series(
                f"""
                SELECT window_start AS time, monitor || ' ' || told.what AS metric, told.value
                FROM prediction_volume
                CROSS JOIN LATERAL (
                    VALUES ('predicted', predictions), ('missing', missing_predictions)
                ) AS told (what, value)
                WHERE {MONITORS} AND {IN_RANGE} AND told.value IS NOT NULL
                ORDER BY 1, 2
                """
            )
        ],
        size=(12, 8),
        look=Look.STACKED,
        style=Style(color=color, fields=[Field(pattern=" missing$", color=RED)]),
    )


def quantiles() -> Panel:
    """Return the spread of numerical predictions by window."""
    names = ", ".join(f"('{metric}', '{name}')" for metric, name in _QUANTILES.items())
    metrics = ", ".join(f"'{metric}'" for metric in _QUANTILES)
    return timeseries(
        Caption(
            title="Prediction distribution",
            description="Quantiles of the predictions of each window, or how many different "
            "classes were predicted: what a shift of the model's answers looks like",
            unit="none",
            empty="No window with a prediction column was judged in this time range.",
        ),
        [
            series(
                f"""
                -- The newest window knows the column: no need to open every window's detail.
                WITH newest AS MATERIALIZED (
                    SELECT DISTINCT ON (monitor) monitor, window_start, window_end
                    FROM evaluations
                    WHERE {MONITORS} AND {IN_RANGE}
                    ORDER BY monitor, window_end DESC, window_start DESC
                ),
                predicted AS MATERIALIZED (
                    SELECT monitor, column_name, BOOL_OR(metric = 'mean') AS is_number
                    FROM measurements
                    INNER JOIN newest USING (monitor, window_start, window_end)
                    WHERE check_name = 'quality' AND metric IN ('missing_count', 'mean')
                        AND segment = '' AND detail ->> 'role' = 'prediction'
                    GROUP BY monitor, column_name
                )
                SELECT found.window_start AS time, monitor || ' ' || named.name AS metric,
                    found.value
                FROM predicted
                CROSS JOIN LATERAL (
                    SELECT window_start, window_end FROM evaluations
                    WHERE evaluations.monitor = predicted.monitor AND {IN_RANGE}
                ) AS judged
                CROSS JOIN LATERAL (
                    SELECT window_start, metric, value FROM measurements
                    WHERE measurements.monitor = predicted.monitor
                        AND window_start = judged.window_start AND window_end = judged.window_end
                        AND check_name = 'quality' AND metric = ANY (ARRAY[{metrics}])
                        AND column_name = predicted.column_name AND segment = ''
                        AND value IS NOT NULL
                    OFFSET 0  -- window by window: its rows lie side by side
                ) AS found
                INNER JOIN (VALUES {names}) AS named (metric, name) USING (metric)
                WHERE (metric = 'distinct') <> is_number
                ORDER BY 1, 2
                """
            )
        ],
        size=(12, 8),
        style=Style(calcs=("lastNotNull", "max")),
    )
