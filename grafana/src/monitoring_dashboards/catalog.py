"""Every dashboard, and the text of its file."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from monitoring_dashboards import (
    data_drift,
    evidently_drift,
    fleet_overview,
    ml_monitoring,
    mlflow_metrics,
    mlflow_model_server,
    mlops_model_monitoring,
    operations,
)

DASHBOARDS: tuple[Callable[[], Dashboard], ...] = (
    fleet_overview.dashboard,
    mlops_model_monitoring.dashboard,
    evidently_drift.dashboard,
    data_drift.dashboard,
    mlflow_metrics.dashboard,
    mlflow_model_server.dashboard,
    ml_monitoring.dashboard,
    operations.dashboard,
)


def files() -> dict[str, str]:
    """Return the files' texts by their names."""
    built = [build() for build in DASHBOARDS]
    return {f"{str(page.uid).replace('-', '_')}.json": rendered(page) for page in built}


def rendered(page: Dashboard) -> str:
    """Return a dashboard as the text of its file: the same for the same dashboard."""
    plain: dict[str, Any] = json.loads(json.dumps(page, cls=JSONEncoder))
    # The SDK puts links and annotations into a menu of Grafana 12's; they belong in sight.
    for shown in (*plain["links"], *plain["annotations"]["list"]):
        shown.pop("placement", None)
    _strip_data_links(plain)
    return json.dumps(plain, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _strip_data_links(node: Any) -> None:
    """Leave of data links, which the SDK writes like a dashboard's links, what they consist of."""
    if isinstance(node, list):
        for item in node:
            _strip_data_links(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "defaults" and "links" in value:
                value["links"] = [_data_link(link) for link in value["links"]]
            elif key == "properties":
                for item in value:
                    if item["id"] == "links":
                        item["value"] = [_data_link(link) for link in item["value"]]
            else:
                _strip_data_links(value)


def _data_link(link: dict[str, Any]) -> dict[str, Any]:
    return {key: link[key] for key in ("title", "url", "targetBlank")}
