"""The dashboard ML Monitoring: the API, the model behind it, and its versions beside each other."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import QueryVariable
from grafana_foundation_sdk.models.common import BigValueTextMode
from grafana_foundation_sdk.models.dashboard import Dashboard

from monitoring_dashboards import (
    events,
    links,
    model_server,
    predictions,
    servers,
    variables,
    version_comparison,
)
from monitoring_dashboards.conditions import MODELS
from monitoring_dashboards.layout import Page, Section
from monitoring_dashboards.layout import dashboard as page
from monitoring_dashboards.model_server import NOT_SCRAPED
from monitoring_dashboards.panels import Caption, Panel, Style, stat
from monitoring_dashboards.servers import SERVING
from monitoring_dashboards.serving import failed_predictions
from monitoring_dashboards.statuses import BLUE, GREEN, RED, Steps
from monitoring_dashboards.targets import instant

_FAILING = Steps(GREEN, (0.1, RED))


def dashboard() -> Dashboard:
    """Return it."""
    return page(
        Page(
            uid="ml-monitoring",
            title="ML Monitoring",
            description="How do the API and the model behind it do, and which version does better?",
            since="now-7d",
            refresh="1m",
            variables=[_model(), _version(), _monitor(), *variables.addresses()],
            annotations=events.model_events(MODELS),
            links=[links.page("${mlflow_url}", "MLflow", "The tracking server")],
        ),
        [
            Section(panels=[*_answer(), version_comparison.now()]),
            Section(
                title="API",
                panels=[
                    servers.rate(SERVING, by="endpoint"),
                    servers.latency(SERVING),
                    servers.failures(SERVING),
                ],
            ),
            Section(title="Model", panels=[*model_server.versions(), *model_server.latency()]),
            Section(
                title="Predictions, by window",
                panels=[predictions.volume(), predictions.quantiles()],
            ),
            Section(
                title="Versions, judged by labels",
                panels=[version_comparison.judged(), version_comparison.over_time()],
            ),
        ],
    )


def _model() -> QueryVariable:
    return (
        variables.query(
            "model",
            "Model",
            "The models that are served or monitored",
            """
            SELECT name FROM mlflow_registered_models
            UNION
            SELECT model_name FROM latest_evaluations WHERE model_name IS NOT NULL
            ORDER BY 1
            """,
        )
        .multi(True)
        .include_all(True)
    )


def _version() -> QueryVariable:
    return (
        variables.query(
            "version",
            "Version",
            "The versions that are compared, the newest first",
            f"""
            SELECT version FROM (
                SELECT version FROM mlflow_model_versions WHERE {MODELS}
                UNION
                SELECT model_version FROM latest_evaluations
                WHERE {MODELS} AND model_version IS NOT NULL
            ) AS known
            ORDER BY LENGTH(version) DESC, version DESC
            """,
        )
        .multi(True)
        .include_all(True)
    )


def _monitor() -> QueryVariable:
    return (
        variables.query(
            "monitor",
            "Monitor",
            "Whose windows tell of predictions and labels",
            f"""
            SELECT monitor FROM latest_evaluations WHERE {MODELS}
            ORDER BY monitor
            """,
        )
        .multi(True)
        .include_all(True)
    )


def _answer() -> list[Panel]:
    return [
        servers.rate_now(SERVING, (5, 4)),
        servers.latency_now(SERVING, (5, 4)),
        servers.failures_now(SERVING, (5, 4)),
        stat(
            Caption(
                title="Failed predictions",
                description="Share of the predictions of the models chosen that failed, of the "
                "worst version; red from where PredictionFailureRate fires",
                unit="percentunit",
                empty=NOT_SCRAPED,
            ),
            [instant(f"max({failed_predictions()})", legend="failed")],
            size=(5, 4),
            style=Style(steps=_FAILING, decimals=1),
        ),
        stat(
            Caption(
                title="Accuracy",
                description="Of the newest window that has labels, of the monitor for which it is "
                "least; classification only",
                unit="percentunit",
                empty="No classifier among the models chosen was judged by labels lately.",
            ),
            [instant('bottomk(1, model_accuracy{model_name=~"$model"})', legend="{{monitor}}")],
            size=(4, 4),
            style=Style(color=BLUE, decimals=1),
            background=False,
        ).text_mode(BigValueTextMode.VALUE_AND_NAME),
    ]
