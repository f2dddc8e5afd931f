"""The provisioning file of all alert rules."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from monitoring_alerts import monitors, stores
from monitoring_alerts.rule import Panel, Rule
from monitoring_dashboards import catalog

# Not the dashboards' folder: Grafana makes this one first, and with a uid of its own choosing.
_FOLDER = "Monitoring alerts"
_HEADER = """\
# Written by grafana/src/build.py from grafana/src/monitoring_alerts; edit that.
# docs/decisions/0018-alerts-in-two-places.md says why these are not rules of Prometheus.
"""


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that Grafana evaluates one after the other, every ``interval``."""

    name: str
    interval: str
    rules: tuple[Rule, ...]


# Numbers here move once a window, so seconds do not matter; a service that is gone does at once.
GROUPS = (
    Group("Monitors", "10m", monitors.RULES),
    Group("Stores", "10m", stores.RULES),
    Group("Reachable", "1m", stores.REACHABLE),
)


def rules() -> tuple[Rule, ...]:
    """Return every rule."""
    return tuple(rule for group in GROUPS for rule in group.rules)


def rendered() -> str:
    """Return the file's text: the same for the same rules and dashboards."""
    file = {
        "apiVersion": 1,
        "groups": [
            {
                "orgId": 1,
                "name": group.name,
                "folder": _FOLDER,
                "interval": group.interval,
                "rules": [rule.provisioned(_panel_id(rule.panel)) for rule in group.rules],
            }
            for group in GROUPS
        ],
    }
    plain = json.loads(json.dumps(file, cls=JSONEncoder))
    return _HEADER + yaml.dump(plain, Dumper=_Dumper, sort_keys=False, width=10_000)


def _panel_id(panel: Panel) -> int | None:
    """Return the id under which the dashboard's file holds a panel.

    Raises:
        LookupError: No dashboard has such a panel.
    """
    if panel.title is None:
        return None
    for uid, title, panel_id in _panels():
        if (uid, title) == (panel.dashboard, panel.title):
            return panel_id
    raise LookupError(f"no panel {panel.title!r} on dashboard {panel.dashboard!r}")


@cache
def _panels() -> tuple[tuple[str, str, int], ...]:
    pages = [json.loads(text) for text in catalog.files().values()]
    return tuple((page["uid"], *panel) for page in pages for panel in _within(page["panels"]))


def _within(panels: list[dict[str, Any]]) -> Iterator[tuple[str, int]]:
    for panel in panels:
        yield panel.get("title", ""), panel["id"]
        yield from _within(panel.get("panels", []))


class _Dumper(yaml.SafeDumper):
    """Writes SQL and other texts of several lines as such."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
