"""The dashboard MLOps Model Monitoring: everything about one monitor, the verdict first."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import QueryVariable
from grafana_foundation_sdk.models.dashboard import Dashboard, VariableRefresh

from monitoring_dashboards import (
    data_quality,
    events,
    feature_drift,
    links,
    model_performance,
    model_server,
    predictions,
    variables,
    verdict,
)
from monitoring_dashboards.conditions import IN_RANGE, MONITOR, SEGMENT
from monitoring_dashboards.layout import Page, Section
from monitoring_dashboards.layout import dashboard as page
from monitoring_dashboards.panels import Caption, Look, Panel, Style, bar_gauge, timeseries
from monitoring_dashboards.statuses import BLUE, RED, Steps
from monitoring_dashboards.targets import instant, series


def dashboard() -> Dashboard:
    """Return it."""
    chosen = links.chosen("monitor")
    return page(
        Page(
            uid="mlops-model-monitoring",
            title="MLOps Model Monitoring Dashboard",
            description="How is this model doing: its labels, its data, its predictions?",
            refresh="5m",
            variables=[
                variables.monitor(),
                _model(),
                variables.version(),
                variables.segment("window_quality"),
                variables.feature("column_quality"),
                *variables.addresses(),
            ],
            annotations=[*events.model_events(), events.reference_changes()],
            links=[
                links.airflow_page(
                    f"monitors/{chosen}/latest", "Newest report", "Evidently's newest report"
                ),
                links.page(f"${{airflow_url}}dags/monitor__{chosen}", "Dag", "In Airflow"),
            ],
        ),
        [
            Section(
                panels=[*verdict.panels(), model_performance.newest(), model_performance.scores()]
            ),
            Section(
                title="Performance",
                panels=[model_performance.errors(), model_performance.coverage()],
            ),
            Section(title="Drift", panels=[_drifted(), feature_drift.scores(), _scores_now()]),
            Section(
                title="Predictions",
                panels=[predictions.volume(color=BLUE), predictions.quantiles()],
            ),
            Section(
                title="Data quality",
                panels=[data_quality.scores(), feature_drift.missing(), data_quality.columns()],
            ),
            Section(title="Latency of predictions", panels=model_server.latency()),
        ],
    )


def _model() -> QueryVariable:
    return (
        variables.query(
            "model",
            "Model",
            "The registered models that the monitor judged in the time range",
            f"""
            SELECT COALESCE(model_name, 'none known') AS __text,
                COALESCE(model_name, '') AS __value
            FROM evaluations
            WHERE {MONITOR} AND {IN_RANGE}
            GROUP BY model_name ORDER BY MAX(window_start) DESC
            """,
        )
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(True)
        .include_all(True)
    )


def _drifted() -> Panel:
    return timeseries(
        Caption(
            title="Drifted features",
            description="Number of columns that drifted in each window; from the dashed line on "
            "MultipleDriftedFeatures fires",
            unit="none",
            empty="No window of this time range was judged for drift.",
        ),
        [
            series(
                f"""
                SELECT window_start AS time, 'drifted' AS metric, value
                FROM measurements
                WHERE {MONITOR} AND {SEGMENT} AND {IN_RANGE}
                    AND check_name = 'drift' AND metric = 'drifted_columns' AND value IS NOT NULL
                ORDER BY 1
                """
            )
        ],
        size=(10, 10),
        look=Look.BARS,
        style=Style(steps=Steps(BLUE, (3, RED)), color=BLUE, decimals=0, bounds=(0, None)),
    )


def _scores_now() -> Panel:
    return bar_gauge(
        Caption(
            title="Feature drift scores now",
            description="The twenty greatest scores of the newest window, each by its own method. "
            "Of p-values the small ones mean drift: see the scores over time",
            unit="none",
            empty="No drift score was published: the newest window had too few rows, or more "
            "columns than Prometheus should hold (monitoring_series_left_out).",
        ),
        [
            instant(
                'sort_desc(topk(20, max by (feature, method) (data_drift_score{monitor="$monitor",'
                'feature=~"$feature"})))',
                legend="{{feature}} ({{method}})",
            )
        ],
        size=(24, 8),
        style=Style(color=BLUE, decimals=3),
    )
