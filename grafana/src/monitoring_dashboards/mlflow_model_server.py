"""The dashboard MLflow & Model Server: are both up, and how do they answer."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from monitoring_dashboards import links, machine, mlflow_state, servers, statuses, variables
from monitoring_dashboards.layout import Page, Section
from monitoring_dashboards.layout import dashboard as page
from monitoring_dashboards.model_server import NOT_SCRAPED
from monitoring_dashboards.panels import Caption, Panel, Style, stat, state_timeline
from monitoring_dashboards.servers import SERVING, TRACKING
from monitoring_dashboards.statuses import GREEN, RED, Steps
from monitoring_dashboards.targets import instant, promql

# The extraction says it once a day; Prometheus every few seconds, where it scrapes MLflow.
_MLFLOW_UP = 'max(up{job="mlflow"})'
_MLFLOW_ANSWERED = "max(mlflow_up)"
_SERVER_UP = 'up{job="model-server"}'
_NEVER_ASKED = (
    "Neither is MLflow scraped (targets/mlflow.yml) nor was it extracted: run `monitoring-jobs"
    " extract`."
)


def dashboard() -> Dashboard:
    """Return it."""
    return page(
        Page(
            uid="mlflow-model-server",
            title="MLflow & Model Server Monitoring",
            description="Are the tracking server and the model server up, and how do they answer?",
            since="now-6h",
            refresh="30s",
            variables=variables.addresses(),
            links=[links.page("${mlflow_url}", "MLflow", "The tracking server")],
        ),
        [
            Section(panels=_answer()),
            Section(
                title="MLflow",
                panels=[
                    servers.rate(TRACKING),
                    servers.latency(TRACKING),
                    servers.failures(TRACKING),
                ],
            ),
            Section(
                title="Model server",
                panels=[
                    servers.rate(SERVING),
                    servers.latency(SERVING),
                    servers.failures(SERVING),
                    *machine.panels(),
                ],
            ),
            Section(
                title="Since when",
                panels=[_history(), mlflow_state.age(size=(6, 7)), machine.loading()],
            ),
        ],
    )


def _answer() -> list[Panel]:
    return [
        _up_now(
            "MLflow",
            "Whether it answered the last extraction and, where Prometheus scrapes it, the last "
            "scrape",
            {"extraction": _MLFLOW_ANSWERED, "scrape": _MLFLOW_UP},
            _NEVER_ASKED,
        ),
        servers.latency_now(TRACKING, (6, 4)),
        servers.rate_now(TRACKING, (6, 4)),
        servers.failures_now(TRACKING, (6, 4)),
        _up_now(
            "Model server",
            "Whether every instance answered the last scrape",
            {"scrape": f"min({_SERVER_UP})"},
            NOT_SCRAPED,
        ),
        servers.latency_now(SERVING, (6, 4)),
        servers.rate_now(SERVING, (6, 4)),
        servers.failures_now(SERVING, (6, 4)),
    ]


def _up_now(title: str, description: str, expressions: dict[str, str], empty: str) -> Panel:
    return stat(
        Caption(title=title, description=description, unit="none", empty=empty),
        [instant(expression, legend=name) for name, expression in expressions.items()],
        size=(6, 4),
        style=Style(mappings=statuses.up_or_down(), steps=Steps(RED, (1, GREEN))),
    )


def _history() -> Panel:
    return state_timeline(
        Caption(
            title="Up and down",
            description="Green while a server answered. What the extraction found holds until the "
            "next extraction",
            unit="none",
            empty=_NEVER_ASKED,
        ),
        [
            promql(_MLFLOW_ANSWERED, legend="MLflow, extraction"),
            promql(_MLFLOW_UP, legend="MLflow, scrape"),
            promql(_SERVER_UP, legend="model server {{instance}}"),
        ],
        size=(12, 7),
        style=Style(mappings=statuses.up_or_down(), steps=Steps(RED, (1, GREEN))),
    )
