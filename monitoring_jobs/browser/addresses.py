"""Where the pages' links lead, and which of them leave Airflow's frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from monitoring_jobs.browser.elements import Markup, Node, element, is_safe, together
from monitoring_jobs.evaluation_ids import evaluation_id
from monitoring_jobs.links import Links
from monitoring_jobs.results import DagRunRef, ModelRef
from monitoring_jobs.windows import Window


@dataclass(frozen=True, slots=True)
class Address:
    """Where a link leads.

    Attributes:
        href: The address.
        leave: Empty within the frame; ``airflow`` for another page of Airflow, in the same tab;
            ``outside`` for another application, in a tab of its own.
    """

    href: str
    leave: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """The addresses that one page links to.

    Attributes:
        links: Airflow, MLflow and Grafana.
        root: Relative address of the plugin's root, as seen from the page.
        is_tab: Whether the page is a tab of a Dag run, whose links to other pages leave it.
    """

    links: Links
    root: str = ""
    is_tab: bool = False

    def monitors(self, query: Mapping[str, str] | None = None) -> Address:
        """Return the page of all monitors."""
        if self.is_tab:
            return Address(self.links.monitors(), "airflow")
        return Address(f"{self.root or './'}{_query(query)}")

    def evaluations(self, query: Mapping[str, str] | None = None) -> Address:
        """Return the page of all judged windows."""
        return Address(f"{self.root}evaluations{_query(query)}")

    def monitor(self, name: str, query: Mapping[str, str] | None = None) -> Address:
        """Return the page of a monitor."""
        if self.is_tab:
            return Address(self.links.monitor(_utf8(name)), "airflow")
        return Address(f"{self.root}monitors/{_quoted(name)}{_query(query)}")

    def evaluation(
        self,
        monitor: str,
        window: Window,
        query: Mapping[str, str] | None = None,
        *,
        is_draft: bool = False,
    ) -> Address:
        """Return the page of an evaluation."""
        found = evaluation_id(monitor, window)
        if self.is_tab:
            return Address(self.links.evaluation(_utf8(found), draft=is_draft), "airflow")
        return Address(f"{self._own(found, is_draft=is_draft)}{_query(query)}")

    def report(self, monitor: str, window: Window, *, is_draft: bool = False) -> str:
        """Return the report itself, within the frame."""
        return f"{self._own(evaluation_id(monitor, window), is_draft=is_draft)}/report"

    def dag_run(self, run: DagRunRef | None) -> Address | None:
        """Return the page of a Dag run."""
        if run is None:
            return None
        return Address(self.links.dag_run(_utf8(run.dag_id), _utf8(run.run_id)), "airflow")

    def dag(self, dag_id: str) -> Address:
        """Return the page of a Dag."""
        return Address(self.links.dag(_utf8(dag_id)), "airflow")

    def model(self, model: ModelRef) -> Address | None:
        """Return the page of a model, or of its version where that is known, in MLflow."""
        if model.name is None:
            return None
        version = None if model.version is None else _utf8(model.version)
        return _outside(self.links.mlflow_model(_utf8(model.name), version))

    def grafana(self, monitor: str, window: Window | None = None) -> Address | None:
        """Return the dashboard of a monitor."""
        return _outside(self.links.grafana_monitor(_utf8(monitor), window))

    def _own(self, found: str, *, is_draft: bool) -> str:
        kind = "drafts" if is_draft else "evaluations"
        return f"{self.root}{kind}/{_quoted(found)}"


def link(address: Address | None, *content: Node, **attributes: str | None) -> Markup:
    """Return a link, or its content alone where it leads nowhere that a link may."""
    if address is None or not is_safe(address.href):
        return together(*content)
    if address.leave == "outside":
        attributes["rel"] = "noopener noreferrer"
    return element("a", *content, href=address.href, data_leave=address.leave or None, **attributes)


def _outside(href: str | None) -> Address | None:
    return None if href is None else Address(href, "outside")


def _query(query: Mapping[str, str] | None) -> str:
    given = {key: value for key, value in (query or {}).items() if value}
    return f"?{urlencode(given, errors='replace')}" if given else ""


def _quoted(text: str) -> str:
    return quote(_utf8(text), safe="")


def _utf8(text: str) -> str:
    """Return text without lone surrogates, which no address can hold."""
    return text.encode("utf-8", "replace").decode()
