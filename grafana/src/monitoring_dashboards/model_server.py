"""Panels about the predictions of a model server, by the version that made them."""

from __future__ import annotations

from monitoring_dashboards.panels import Caption, Panel, Style, timeseries
from monitoring_dashboards.serving import (
    BY_VERSION,
    MODEL,
    QUANTILES,
    failed_predictions,
    predictions,
    quantile_of,
)
from monitoring_dashboards.statuses import RED, YELLOW, Steps
from monitoring_dashboards.targets import promql

# Why these panels are empty in a stack without a gateway; docs/decisions/0017 has the names.
NOT_SCRAPED = (
    "No model server is scraped: name one in Prometheus' targets/model-server.yml. It must count"
    " its requests under the names of docs/metrics.md, and somebody must ask it."
)
# HighModelLatency fires from 1 s on, HighLatency from 2 s on.
SLOW = Steps("transparent", (1, YELLOW), (2, RED))
# PredictionFailureRate fires from 10 % on.
FAILING = Steps("transparent", (0.1, RED))

_LEGEND = "{{model_name}} {{model_version}}"


def latency() -> list[Panel]:
    """Return how long predictions of the models chosen take."""
    return [
        timeseries(
            Caption(
                title="Prediction latency",
                description="Half, 95 % and 99 % of the predictions of the models chosen are "
                "faster than this; dashed where HighModelLatency and HighLatency fire",
                unit="s",
                empty=NOT_SCRAPED,
            ),
            [
                promql(quantile_of("prediction_latency_seconds", q, MODEL), legend=name)
                for name, q in QUANTILES.items()
            ],
            size=(12, 8),
            style=Style(steps=SLOW, bounds=(0, None), calcs=("lastNotNull", "max")),
        ),
        by_version(
            "p95 of the model itself",
            "95 % of calls of the model alone are faster than this, without lookups and network",
            "s",
            quantile_of("model_inference_time_seconds", 0.95, MODEL, by=BY_VERSION),
        ),
    ]


def versions() -> list[Panel]:
    """Return rate, failures and latency of each version beside each other."""
    return [
        by_version(
            "Predictions by version",
            "Predictions a second, failed ones included",
            "reqps",
            predictions(),
        ),
        by_version(
            "Failures by version",
            "Share of predictions that failed; dashed where PredictionFailureRate fires",
            "percentunit",
            failed_predictions(),
            steps=FAILING,
        ),
        by_version(
            "p95 by version",
            "95 % of the predictions are faster than this",
            "s",
            quantile_of("prediction_latency_seconds", 0.95, MODEL, by=BY_VERSION),
            steps=SLOW,
        ),
        by_version(
            "p95 of requests by version",
            "95 % of the requests to the model are answered faster than this, the server's own "
            "work included",
            "s",
            quantile_of("mlflow_model_request_duration_seconds", 0.95, MODEL, by=BY_VERSION),
        ),
    ]


def by_version(
    title: str, description: str, unit: str, expression: str, *, steps: Steps | None = None
) -> Panel:
    """Return a chart of a figure of the models chosen, a line each version."""
    return timeseries(
        Caption(title=title, description=description, unit=unit, empty=NOT_SCRAPED),
        [promql(expression, legend=_LEGEND)],
        size=(12, 8),
        style=Style(steps=steps, bounds=(0, None), calcs=("lastNotNull", "max")),
    )
