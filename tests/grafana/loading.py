"""Reads the provisioned files as Grafana does: dashboards, their panels, alert rules."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[2]
GRAFANA = PROJECT / "grafana"
DASHBOARDS = GRAFANA / "dashboards"
PROVISIONING = GRAFANA / "provisioning"
POSTGRES = "postgres-datasource"
PROMETHEUS = "prometheus-datasource"


class BadDashboard(ValueError):
    """A file that Grafana would load otherwise than it was meant."""


@dataclass(frozen=True)
class Query:
    """A target of a panel, an annotation or an alert rule.

    Attributes:
        ref_id: Its letter.
        datasource: Uid of the datasource.
        model: What the datasource gets.
    """

    ref_id: str
    datasource: str
    model: Mapping[str, Any]

    @property
    def text(self) -> str:
        return str(self.model.get("rawSql") or self.model.get("expr") or "")


@dataclass(frozen=True)
class Panel:
    """A panel, or one copy of a repeated panel.

    Attributes:
        model: Its JSON.
        queries: Its targets that are not hidden.
        chosen: Values of the variables that it is repeated by.
    """

    model: Mapping[str, Any]
    queries: tuple[Query, ...] = ()
    chosen: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return str(self.model.get("title", ""))

    @property
    def kind(self) -> str:
        return str(self.model["type"])

    @property
    def place(self) -> Mapping[str, int]:
        """Where it is: x, y, w, h of 24 columns."""
        place: Mapping[str, int] = self.model["gridPos"]
        return place

    @property
    def options(self) -> Mapping[str, Any]:
        return self.model.get("options") or {}

    @property
    def defaults(self) -> Mapping[str, Any]:
        """What holds for each field."""
        return (self.model.get("fieldConfig") or {}).get("defaults") or {}

    @property
    def overrides(self) -> Sequence[Mapping[str, Any]]:
        return (self.model.get("fieldConfig") or {}).get("overrides") or []


@dataclass(frozen=True)
class Dashboard:
    """One file of a dashboard."""

    path: Path
    model: Mapping[str, Any]

    @property
    def uid(self) -> str:
        return str(self.model["uid"])

    @property
    def title(self) -> str:
        return str(self.model["title"])

    @property
    def variables(self) -> Sequence[Mapping[str, Any]]:
        return (self.model.get("templating") or {}).get("list") or []

    @property
    def annotations(self) -> Sequence[Mapping[str, Any]]:
        """Those that ask a datasource: not Grafana's own."""
        every = (self.model.get("annotations") or {}).get("list") or []
        return [one for one in every if _uid(one.get("datasource")) != "-- Grafana --"]

    @property
    def panels(self) -> list[Panel]:
        """All panels, those in collapsed rows too; rows are panels without queries."""
        return list(_panels(self.model.get("panels") or []))

    def expanded(self, values: Mapping[str, Sequence[str]]) -> list[Panel]:
        """Return the panels with rows and panels repeated for each value of their variable."""
        panels: list[Panel] = []
        row: list[Mapping[str, str]] = [{}]
        for panel in self.panels:
            own = _copies(panel, values)
            if panel.kind == "row":
                row = own
                panels.extend(replace(panel, chosen=chosen) for chosen in own)
                continue
            panels.extend(
                replace(panel, chosen={**outer, **inner}) for outer in row for inner in own
            )
        return panels


@dataclass(frozen=True)
class AlertRule:
    """A Grafana-managed alert rule.

    Attributes:
        path: Its file.
        model: Its YAML.
    """

    path: Path
    model: Mapping[str, Any]

    @property
    def title(self) -> str:
        return str(self.model["title"])

    @property
    def steps(self) -> Sequence[Mapping[str, Any]]:
        """Queries and expressions."""
        steps: Sequence[Mapping[str, Any]] = self.model["data"]
        return steps


def read_dashboard(path: Path) -> Dashboard:
    return Dashboard(path, json.loads(path.read_text(encoding="utf-8")))


def dashboard_files(folder: Path = DASHBOARDS) -> list[Path]:
    return sorted(folder.glob("*.json"))


def read_alert_rules(folder: Path = PROVISIONING / "alerting") -> list[AlertRule]:
    """Read the rules of all files; variables in queries stay, as Grafana leaves them raw."""
    rules: list[AlertRule] = []
    for path in sorted(folder.glob("*.y*ml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        for group in content.get("groups") or []:
            rules.extend(AlertRule(path, rule) for rule in group["rules"])
    return rules


def read_datasources(folder: Path = PROVISIONING / "datasources") -> dict[str, Mapping[str, Any]]:
    """Return what is said of each datasource, by uid."""
    found: dict[str, Mapping[str, Any]] = {}
    for path in sorted(folder.glob("*.y*ml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        found.update({one["uid"]: one for one in content.get("datasources") or []})
    return found


def _panels(models: Sequence[Mapping[str, Any]]) -> Iterator[Panel]:
    for model in models:
        yield Panel(model, tuple(_queries(model)))
        if model["type"] == "row":
            yield from _panels(model.get("panels") or [])


def _queries(panel: Mapping[str, Any]) -> Iterator[Query]:
    for target in panel.get("targets") or []:
        if target.get("hide"):
            continue
        uid = _uid(target.get("datasource")) or _uid(panel.get("datasource"))
        if uid is None:
            raise BadDashboard(f"panel {panel.get('title')!r}: a query names no datasource")
        yield Query(str(target["refId"]), uid, target)


def _uid(datasource: object) -> str | None:
    if isinstance(datasource, Mapping):
        uid = datasource.get("uid")
        return str(uid) if uid else None
    return str(datasource) if datasource else None


def _copies(panel: Panel, values: Mapping[str, Sequence[str]]) -> list[Mapping[str, str]]:
    name = panel.model.get("repeat")
    if not name:
        return [{}]
    if name not in values:
        raise BadDashboard(f"panel {panel.title!r} is repeated by {name}, which is no variable")
    return [{name: value} for value in values[name]]
