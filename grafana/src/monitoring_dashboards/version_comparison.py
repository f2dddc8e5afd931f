"""Panels that hold the versions of models beside each other: as served, and as judged by labels."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import DataTransformerConfig

from monitoring_dashboards import links, serving
from monitoring_dashboards.conditions import IN_RANGE, MODELS, MONITORS, among
from monitoring_dashboards.fields import Field
from monitoring_dashboards.model_performance import JUDGED
from monitoring_dashboards.model_server import NOT_SCRAPED
from monitoring_dashboards.panels import Caption, Panel, Style, table, timeseries
from monitoring_dashboards.serving import BY_VERSION, MODEL, QUANTILES, quantile_of
from monitoring_dashboards.statuses import GREEN, RED, YELLOW, Steps
from monitoring_dashboards.targets import instant, series, sql

_FAILING = Steps(GREEN, (0.1, RED))
_SLOW = Steps(GREEN, (1, YELLOW), (2, RED))
_NO_LABELS = (
    "No monitor of the models chosen has judged labeled rows in this time range: choose a longer"
    " one, or another model."
)
_JUDGED = (
    f"{MONITORS} AND {MODELS} AND {among('model_version', 'version')}"
    f" AND {IN_RANGE} AND segment = '' AND {JUDGED} AND metric NOT LIKE '%\\_coverage'"
)


def now() -> Panel:
    """Return what each version serves at the moment."""
    latency = "prediction_latency_seconds"
    columns = {
        "predictions": serving.predictions(),
        "failed": serving.failed_predictions(),
        **{name: quantile_of(latency, q, MODEL, by=BY_VERSION) for name, q in QUANTILES.items()},
        "inference": quantile_of("model_inference_time_seconds", 0.95, MODEL, by=BY_VERSION),
    }
    panel = table(
        Caption(
            title="Versions now",
            description="What each version serves, how often it fails and how long it takes; "
            "inference is the p95 of the model alone",
            unit="s",
            empty=NOT_SCRAPED,
        ),
        [instant(text, legend=name, as_table=True) for name, text in columns.items()],
        size=(24, 6),
        style=Style(fields=_version_fields()),
    )
    return panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))


def _version_fields() -> list[Field]:
    version = links.model(links.column("model_name"), links.column("model_version"))
    return [
        Field(name="Time", hidden=True),
        Field(name="model_name", title="Model"),
        Field(name="model_version", title="Version", links=[version]),
        Field(name="Value #A", title="Predictions", unit="reqps"),
        Field(
            name="Value #B",
            title="Failed",
            unit="percentunit",
            decimals=1,
            steps=_FAILING,
            cell="color-background",
        ),
        Field(name="Value #C", title="p50"),
        Field(name="Value #D", title="p95", steps=_SLOW, cell="color-background"),
        Field(name="Value #E", title="p99", steps=_SLOW, cell="color-background"),
        Field(name="Value #F", title="Inference"),
    ]


def judged() -> Panel:
    """Return what the labels say of each version."""
    return table(
        Caption(
            title="Versions by their labels",
            description="Mean, worst and newest value of each metric over the windows in which "
            "each version was judged",
            unit="none",
            empty=_NO_LABELS,
        ),
        [
            sql(
                f"""
                SELECT model_name, model_version, monitor, metric,
                    AVG(value) AS mean,
                    CASE WHEN metric IN ('mae', 'rmse', 'mape', 'log_loss')
                        THEN MAX(value) ELSE MIN(value) END AS worst,
                    (ARRAY_AGG(value ORDER BY window_end DESC))[1] AS newest,
                    COUNT(*) AS windows,
                    COUNT(*) FILTER (WHERE status = 'failed') AS failed
                FROM performance
                WHERE {_JUDGED}
                GROUP BY model_name, model_version, monitor, metric
                ORDER BY model_name, monitor, metric, model_version DESC
                """
            )
        ],
        size=(12, 9),
        style=Style(
            fields=[
                Field(name="model_name", title="Model"),
                Field(name="model_version", title="Version", width=80),
                Field(
                    name="monitor",
                    title="Monitor",
                    links=[
                        links.dashboard(
                            "mlops-model-monitoring",
                            "Everything about this monitor",
                            monitor=links.column("monitor"),
                        )
                    ],
                ),
                Field(name="metric", title="Metric", width=100),
                *(
                    Field(name=name, title=name.capitalize(), decimals=3, width=90)
                    for name in ("mean", "worst", "newest")
                ),
                Field(name="windows", title="Windows", width=90),
                Field(
                    name="failed",
                    title="Failed",
                    width=80,
                    steps=Steps(GREEN, (1, RED)),
                    cell="color-text",
                ),
            ]
        ),
    )


def over_time() -> Panel:
    """Return the leading metric, a line each version."""
    return timeseries(
        Caption(
            title="Leading metric by version",
            description="Accuracy of classifiers, R² of regressions, a line each version: what a "
            "new version changed",
            unit="none",
            empty=_NO_LABELS,
        ),
        [
            series(
                f"""
                SELECT window_start AS time,
                    monitor || ' ' || metric || ', version ' || COALESCE(model_version, '?')
                    AS metric,
                    value
                FROM performance
                WHERE {_JUDGED} AND metric IN ('accuracy', 'r2')
                ORDER BY 1, 2
                """
            )
        ],
        size=(12, 9),
        style=Style(decimals=3, calcs=("lastNotNull", "min")),
    )
