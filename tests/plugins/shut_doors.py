"""Run by test_plugin_shut.py: load the plugin without a module it needs, and ask for its pages."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
NEEDED = (
    "airflow.api_fastapi.core_api.security",
    "airflow.api_fastapi.auth.managers.models.resource_details",
    "airflow.api_fastapi.app",
    "airflow.models.dag",
    "fastapi",
    "monitoring_jobs.browser",
    "monitoring_jobs.settings",
)
PATHS = ("/", "/evaluations", "/monitors/wine", "/static/style.css", "/run", "/nothing")


def load() -> Any:
    """Return the app of a plugin loaded anew, as Airflow loads it."""
    for name in ("_monitoring_access", "_monitoring_pages", "_monitoring_settings"):
        sys.modules.pop(name, None)
    spec = importlib.util.spec_from_file_location(
        "monitoring_reports", PLUGINS / "monitoring_reports.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.MonitoringReportsPlugin.fastapi_apps[0]["app"]


async def ask(app: Any, method: str, path: str) -> int:
    """Return the status of an answer."""
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    root = "/monitoring"
    scope = {
        "type": "http",
        "method": method,
        "path": root + path,
        "raw_path": (root + path).encode(),
        "root_path": root,
        "query_string": b"",
        "headers": [],
        "state": {},
    }
    await app(scope, receive, send)
    (status,) = statuses
    return status


def without(module: str) -> dict[str, list[int]]:
    """Return the statuses of all pages where a module cannot be imported."""
    kept = sys.modules.get(module)
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        app = load()
        answers = [
            asyncio.run(ask(app, method, path))
            for method in ("GET", "HEAD", "POST")
            for path in PATHS
        ]
    finally:
        if kept is None:
            del sys.modules[module]
        else:
            sys.modules[module] = kept
    return {"statuses": answers}


if __name__ == "__main__":
    sys.path.append(str(PLUGINS))
    sys.stdout.write("\n" + json.dumps({module: without(module) for module in NEEDED}) + "\n")
