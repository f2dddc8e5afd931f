"""Ways from a dashboard to another one, to the report browser, the Dag and MLflow."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders.dashboard import DashboardLink
from grafana_foundation_sdk.models.dashboard import DashboardLinkType

# Every dashboard carries it, and the list of dashboards at the top right asks for it.
TAG = "ml-monitoring"
_AIRFLOW_PAGES = "${airflow_url}plugin/monitoring/monitoring"


def column(name: str) -> str:
    """Return the value of a column of the row clicked, safe in an address."""
    return f"${{__data.fields.{name}:percentencode}}"


def chosen(variable: str) -> str:
    """Return the value chosen for a variable, safe in an address."""
    return f"${{{variable}:percentencode}}"


# The name of the series or field that was clicked.
SERIES = "${__field.name:percentencode}"


def dashboard(uid: str, title: str, *, keep: Sequence[str] = (), **variables: str) -> DashboardLink:
    """Return a data link to another dashboard, over the same time range.

    Args:
        uid: The dashboard's uid.
        title: What the link says.
        keep: Variables whose chosen values go along, all of them where several are chosen.
        variables: Values given otherwise, as :func:`column` or :data:`SERIES` write them.
    """
    query = [f"${{{name}:queryparam}}" for name in keep]
    query += [f"var-{name}={value}" for name, value in variables.items()]
    return DashboardLink(title).url(f"/d/{uid}?" + "&".join([*query, "${__url_time_range}"]))


def report(evaluation_id: str) -> DashboardLink:
    """Return a data link to the report of an evaluation, in Airflow. Needs `airflow_url`."""
    return _outside("Report of this window", f"{_AIRFLOW_PAGES}/evaluations/{evaluation_id}/report")


def latest_report(monitor: str) -> DashboardLink:
    """Return a data link to the report of a monitor's newest window. Needs `airflow_url`."""
    return _outside("Newest report", f"{_AIRFLOW_PAGES}/monitors/{monitor}/latest")


def dag(monitor: str) -> DashboardLink:
    """Return a data link to the Dag of a monitor. Needs the variable `airflow_url`."""
    return _outside("Dag in Airflow", f"${{airflow_url}}dags/monitor__{monitor}")


def dag_run(dag_id: str, run_id: str) -> DashboardLink:
    """Return a data link to a run of a Dag. Needs the variable `airflow_url`."""
    return _outside("Dag run in Airflow", f"${{airflow_url}}dags/{dag_id}/runs/{run_id}")


def model(name: str, version: str) -> DashboardLink:
    """Return a data link to a model version. Needs the variable `mlflow_url`."""
    return _outside(
        "Model version in MLflow", f"${{mlflow_url}}/#/models/{name}/versions/{version}"
    )


def experiment(experiment_id: str) -> DashboardLink:
    """Return a data link to an experiment. Needs the variable `mlflow_url`."""
    return _outside("Experiment in MLflow", f"${{mlflow_url}}/#/experiments/{experiment_id}")


def run(experiment_id: str, run_id: str) -> DashboardLink:
    """Return a data link to a run. Needs the variable `mlflow_url`."""
    return _outside("Run in MLflow", f"${{mlflow_url}}/#/experiments/{experiment_id}/runs/{run_id}")


def all_dashboards() -> DashboardLink:
    """Return the menu of the other dashboards, which keeps variables and time."""
    return (
        DashboardLink("Monitoring dashboards")
        .type(DashboardLinkType.DASHBOARDS)
        .icon("external link")
        .tooltip("The other dashboards, for the same monitor and time range")
        .tags([TAG])
        .as_dropdown(True)
        .include_vars(True)
        .keep_time(True)
    )


def page(url: str, title: str, tooltip: str) -> DashboardLink:
    """Return a button at the top of a dashboard that opens a page outside Grafana."""
    return (
        DashboardLink(title)
        .type(DashboardLinkType.LINK)
        .icon("external link")
        .tooltip(tooltip)
        .url(url)
        .target_blank(True)
    )


def airflow_page(path: str, title: str, tooltip: str) -> DashboardLink:
    """Return a button at the top that opens a page of the report browser in Airflow."""
    return page(f"{_AIRFLOW_PAGES}/{path}", title, tooltip)


def _outside(title: str, url: str) -> DashboardLink:
    return DashboardLink(title).url(url).target_blank(True)
