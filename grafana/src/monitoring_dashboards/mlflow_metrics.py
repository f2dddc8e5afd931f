"""The dashboard MLflow Metrics: what trainings yielded, and which versions came of them."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders.dashboard import QueryVariable
from grafana_foundation_sdk.models.dashboard import Dashboard, VariableRefresh

from monitoring_dashboards import links, mlflow_models, mlflow_runs, mlflow_state, variables
from monitoring_dashboards.conditions import MODELS, among
from monitoring_dashboards.events import model_events
from monitoring_dashboards.layout import Page, Section
from monitoring_dashboards.layout import dashboard as page
from monitoring_dashboards.mlflow_runs import ACCURACY, CHOSEN, F1, LOSS, NUMBERS, listed
from monitoring_dashboards.panels import Caption, Panel, Style, timeseries
from monitoring_dashboards.targets import Target, series


def dashboard() -> Dashboard:
    """Return it."""
    return page(
        Page(
            uid="mlflow-metrics",
            title="MLflow Metrics Dashboard",
            description="What did the newest trainings yield, and which versions came of them?",
            since="now-90d",
            refresh="5m",
            variables=[
                _experiment(),
                _metric(),
                mlflow_models.choice(),
                *variables.addresses(),
            ],
            annotations=model_events(MODELS),
            links=[links.page("${mlflow_url}", "MLflow", "The tracking server")],
        ),
        [
            Section(panels=[mlflow_runs.newest(), mlflow_runs.outcomes(), *mlflow_state.figures()]),
            Section(title="Metrics over time", panels=_charts()),
            Section(title="Any other metric that was logged", panels=[_custom()]),
            Section(title="Models", panels=mlflow_models.panels()),
            Section(title="Runs", panels=[mlflow_runs.per_day(), mlflow_runs.latest()]),
        ],
    )


def _experiment() -> QueryVariable:
    return (
        variables.query(
            "experiment",
            "Experiment",
            "Whose runs are shown; the one with the newest run comes first",
            """
            SELECT experiment_name FROM mlflow_runs
            WHERE lifecycle_stage = 'active' AND $__timeFilter(started_at)
            GROUP BY experiment_name ORDER BY MAX(started_at) DESC, experiment_name
            """,
        )
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(True)
        .include_all(True)
    )


def _metric() -> QueryVariable:
    return (
        variables.query(
            "metric",
            "Metric",
            "Which metrics get a chart of their own; those without one come first",
            f"""
            SELECT metric.name FROM mlflow_run_metrics AS metric
            INNER JOIN mlflow_runs AS run ON run.run_id = metric.run_id
            WHERE $__timeFilter(run.started_at) AND {CHOSEN}
            GROUP BY metric.name
            ORDER BY metric.name IN ({listed((*ACCURACY, *LOSS, *F1))}), metric.name
            """,
        )
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(True)
    )


def _charts() -> list[Panel]:
    return [
        _chart("Accuracy", ACCURACY, "percentunit", "Share of rows predicted right, by training."),
        _chart("F1", F1, "percentunit", "Balance of precision and recall, from 0 to 1."),
        _chart("Loss", LOSS, "none", "What the training minimized: less is better."),
        timeseries(
            Caption(
                title="Training time",
                description="From the start to the end of each run that has ended",
                unit="s",
                empty="No run of the experiments chosen ended in this time range.",
            ),
            [
                series(f"""
                SELECT started_at AS time, experiment_name AS metric, duration_seconds AS value
                FROM mlflow_runs
                WHERE $__timeFilter(started_at) AND {CHOSEN} AND duration_seconds IS NOT NULL
                ORDER BY time
                """)
            ],
            size=(12, 8),
            style=Style(calcs=("lastNotNull", "max"), bounds=(0, None)),
        ),
    ]


def _chart(title: str, names: Sequence[str], unit: str, description: str) -> Panel:
    return timeseries(
        Caption(
            title=title,
            description=f"{description} One point a run, one line an experiment; under the names"
            f" {', '.join(names)}",
            unit=unit,
            empty=f"No run of the experiments chosen logged one of {', '.join(names)} in this"
            " time range. Metrics of other names: see below.",
        ),
        [_runs_metric(f"metric.name IN ({listed(names)})", first=names[0])],
        size=(12, 8),
        style=Style(calcs=("lastNotNull", "min", "max")),
    )


def _custom() -> Panel:
    panel = timeseries(
        Caption(
            title="$metric",
            description="Latest value of the metric in each run, by experiment. Whatever is logged"
            " with mlflow.log_metric can be chosen at the top",
            unit="none",
            empty="No run of the experiments chosen logged this metric in this time range.",
        ),
        [_runs_metric(among("metric.name", "metric"), first=None)],
        size=(24, 7),
        style=Style(calcs=()),
    )
    return panel.repeat("metric").max_per_row(3)


def _runs_metric(where: str, *, first: str | None) -> Target:
    # Without a usual name to leave out, the panel's title says which metric it is.
    other = f"CASE WHEN metric.name = '{first}' THEN '' ELSE ' ' || metric.name END"
    name = f"run.experiment_name || {other}" if first else "run.experiment_name"
    return series(f"""
        SELECT run.started_at AS time, {name} AS metric, metric.value
        FROM mlflow_run_metrics AS metric
        INNER JOIN mlflow_runs AS run ON run.run_id = metric.run_id
        WHERE $__timeFilter(run.started_at) AND {CHOSEN} AND {where} AND {NUMBERS}
        ORDER BY time
        """)
