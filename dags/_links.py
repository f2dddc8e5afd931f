"""Where the pages are that Dags and tasks point to."""

from __future__ import annotations

from airflow.sdk import BaseOperator, BaseOperatorLink, BaseXCom, XComArg
from airflow.sdk.configuration import conf
from airflow.sdk.types import TaskInstanceKey

from monitoring_jobs.errors import InvalidSettings
from monitoring_jobs.links import Links, root_path
from monitoring_jobs.settings import Settings


def links() -> Links:
    """Return the addresses of Airflow's pages as paths, and of what the environment names beside.

    Paths, because a page of Airflow may be reached by several names. A variable that is malformed
    costs links, not Dags: the tasks complain of it.
    """
    airflow = root_path(conf.get("api", "base_url", fallback=None))
    try:
        settings = Settings.load()
        return Links(airflow=airflow, mlflow=settings.mlflow_page, grafana=settings.grafana_page)
    except InvalidSettings:
        return Links(airflow=airflow)


class ReportLink(BaseOperatorLink):
    """Button of a task that leads to what it has evaluated."""

    name = "Report"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002
        """Return the page of the evaluation, or nothing where there is none.

        It runs in the worker once the task has ended; the web server reads what it returned.
        """
        evaluated = BaseXCom.get_value(ti_key=ti_key, key="return_value")
        if not isinstance(evaluated, dict):
            return ""
        return links().evaluation(evaluated["id"], draft=evaluated["draft"])


def with_report_link(evaluated: XComArg) -> XComArg:
    """Return a task with a button that leads to what it has evaluated."""
    # Decorated tasks share their class with all others; the instance has a list of its own.
    evaluated.operator.operator_extra_links = (ReportLink(),)
    return evaluated
