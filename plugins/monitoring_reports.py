"""Monitoring inside Airflow's UI: its pages under /monitoring, and the tabs that show them.

Every process of Airflow loads this file, each task's too. What the pages are made of is imported by
the API server alone, at the first request. Where that fails, every page answers 503.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import quote

from airflow.plugins_manager import AirflowPlugin

log = logging.getLogger(__name__)

PREFIX = "/monitoring"

_SHUT = (
    b"<!doctype html><html lang=en><meta charset=utf-8><title>Monitoring is shut</title>"
    b"<style>:root{color-scheme:light dark}body{font:1rem system-ui;margin:2rem}</style>"
    b"<h1>Monitoring is shut</h1><p>It cannot be loaded, or cannot check who you are. "
    b"The log of Airflow's API server says why; mend that and restart the server.</p></html>"
)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Door:
    """The pages as Airflow mounts them: opened by the first request, shut where they cannot be.

    Attributes:
        opening: Returns the pages, each of them behind Airflow's login.
    """

    def __init__(self, opening: Callable[[], App]) -> None:
        self.opening = opening
        self._lock = threading.Lock()
        self._pages: App | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        pages = self._pages
        if pages is None:
            pages = await asyncio.to_thread(self._open)
        await pages(scope, receive, send)

    def _open(self) -> App:
        with self._lock:
            if self._pages is None:
                self._pages = self._try()
            return self._pages

    def _try(self) -> App:
        try:
            return self.opening()
        except Exception:  # whatever the reason: nobody passes a door whose lock cannot be tried
            log.exception("monitoring's pages are shut", extra={"action": "pages_shut"})
            return shut


async def shut(scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer 503 to every request, whoever asks."""
    if scope["type"] != "http":
        await send({"type": "websocket.close", "code": 1011})
        return
    headers = {
        "content-type": "text/html; charset=utf-8",
        "content-length": str(len(_SHUT)),
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    }
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 503, "headers": pairs})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else _SHUT})


def _pages() -> App:
    from _monitoring_pages import pages

    opened: App = pages()
    return opened


def _icon(line: str, halo: str) -> str:
    """Return a line that leaves its band, as a picture that needs no request.

    Pictures cannot take Airflow's own colors. The halo keeps the line legible where the entry of
    the navigation is the chosen one; elsewhere it has the background's color.
    """
    drawing = (
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='none' "
        "stroke-linecap='round' stroke-linejoin='round'>"
        "<defs><path id='a' d='M3 4v16h18M6 14l3-2 3 2 3-2 4-7'/></defs>"
        f"<use href='#a' stroke='{halo}' stroke-width='5'/>"
        f"<use href='#a' stroke='{line}' stroke-width='2'/></svg>"
    )
    return f"data:image/svg+xml,{quote(drawing)}"


def _view(name: str, route: str, href: str, destination: str) -> dict[str, Any]:
    """Return a page in Airflow's frame.

    Args:
        name: What people read.
        route: Part of the frame's address; no two views of all plugins may share one.
        href: The page, relative to Airflow's root, so that a path prefix is kept.
        destination: Where the page is offered.
    """
    return {
        "name": name,
        "url_route": route,
        "href": PREFIX.lstrip("/") + href,
        "destination": destination,
        "icon": _icon("#3e5873", "#dce7f5"),
        "icon_dark_mode": _icon("#a3afbe", "#1d3358"),
    }


class MonitoringReportsPlugin(AirflowPlugin):
    """Monitors and their reports in Airflow's navigation, and on Dags, their runs and tasks."""

    name = "monitoring_reports"
    fastapi_apps: list[Any] = [  # noqa: RUF012 - as Airflow declares it
        {"app": Door(_pages), "url_prefix": PREFIX, "name": "Monitoring"}
    ]
    external_views: list[Any] = [  # noqa: RUF012 - as Airflow declares it
        # On its own in the navigation: two plugins and more would share a menu otherwise.
        _view("Monitoring", "monitoring", "/", "nav") | {"nav_top_level": True},
        _view("Monitoring", "monitoring-dag", "/dag?dag_id={DAG_ID}", "dag"),
        _view("Report", "monitoring-run", "/run?dag_id={DAG_ID}&run_id={RUN_ID}", "dag_run"),
        _view("Report", "monitoring-task", "/run?dag_id={DAG_ID}&run_id={RUN_ID}", "task_instance"),
    ]
