"""Addresses that a person opens: pages of Airflow, of the report browser, MLflow and Grafana."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit

from monitoring_jobs.windows import Window

# A monitor's Dag is called after it.
DAG_PREFIX = "monitor__"
# Where the report browser is mounted, and the name under which Airflow frames it.
PAGES = "monitoring"
_DASHBOARD = "evidently-drift"


def root_path(base_url: str | None) -> str:
    """Return the path at which Airflow lives on its host, ending in ``/``.

    Args:
        base_url: Airflow's ``[api] base_url``; without one it lives at the root.
    """
    path = urlsplit(base_url or "").path.strip("/")
    return f"/{path}/" if path else "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Where the user interfaces are.

    Attributes:
        airflow: Airflow's UI: its URL, or its path on the same host; ends in ``/``.
        mlflow: MLflow's UI as a browser reaches it; None where it is not known.
        grafana: Grafana; None where it is not known.
    """

    airflow: str = "/"
    mlflow: str | None = None
    grafana: str | None = None

    def monitors(self) -> str:
        """Return the page of all monitors, inside Airflow's frame."""
        return self._framed("")

    def monitor(self, name: str) -> str:
        """Return a monitor's page, inside Airflow's frame."""
        return self._framed(f"monitors/{quote(name, safe='')}")

    def latest_report(self, monitor: str) -> str:
        """Return the way to the report of a monitor's newest window, inside Airflow's frame."""
        return f"{self.monitor(monitor)}/latest"

    def evaluation(self, evaluation_id: str, *, draft: bool = False) -> str:
        """Return an evaluation's page, inside Airflow's frame."""
        kind = "drafts" if draft else "evaluations"
        return self._framed(f"{kind}/{quote(evaluation_id, safe='')}")

    def report(self, evaluation_id: str, *, draft: bool = False) -> str:
        """Return an evaluation's report, inside Airflow's frame."""
        return f"{self.evaluation(evaluation_id, draft=draft)}/report"

    def dag(self, dag_id: str) -> str:
        """Return the page of a Dag."""
        return f"{self.airflow}dags/{quote(dag_id, safe='')}"

    def dag_run(self, dag_id: str, run_id: str) -> str:
        """Return the page of a Dag run."""
        return f"{self.dag(dag_id)}/runs/{quote(run_id, safe='')}"

    def mlflow_model(self, name: str, version: str | None = None) -> str | None:
        """Return the page of a registered model or of one of its versions."""
        if self.mlflow is None:
            return None
        address = f"{self.mlflow.rstrip('/')}/#/models/{quote(name, safe='')}"
        return f"{address}/versions/{quote(version, safe='')}" if version else address

    def grafana_monitor(self, name: str, window: Window | None = None) -> str | None:
        """Return the drift dashboard of a monitor, over a window where one is given."""
        if self.grafana is None:
            return None
        query = {"var-monitor": name}
        if window is not None:
            ends = (window.start, window.end)
            query |= zip(
                ("from", "to"), (str(round(end.timestamp() * 1000)) for end in ends), strict=True
            )
        return f"{self.grafana.rstrip('/')}/d/{_DASHBOARD}?{urlencode(query)}"

    def _framed(self, page: str) -> str:
        """Return the address at which Airflow shows a page of the report browser in its frame."""
        path = urlsplit(self.airflow).path
        return f"{self.airflow}plugin/{PAGES}{path}{PAGES}/{page}"
