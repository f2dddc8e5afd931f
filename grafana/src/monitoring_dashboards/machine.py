"""Panels about the machine and the process of a model server."""

from __future__ import annotations

from monitoring_dashboards.model_server import NOT_SCRAPED
from monitoring_dashboards.panels import Caption, Panel, Style, stat, timeseries
from monitoring_dashboards.statuses import BLUE, RED, YELLOW, Steps
from monitoring_dashboards.targets import instant, promql
from monitoring_dashboards.units import COUNT

_SERVER = '{job="model-server"}'
_MIB = 1024 * 1024


def panels() -> list[Panel]:
    """Return its load, its memory, and what it is busy with."""
    return [_load(), _memory(), _waiting()]


def _load() -> Panel:
    used = {"CPU": "system_cpu_usage", "memory": "system_ram_usage", "disk": "system_disk_usage"}
    return timeseries(
        Caption(
            title="Model server: machine",
            description="Processors, memory and disk in use; dashed where HighCPUUsage (80 %) and "
            "HighMemoryUsage (85 %) fire",
            unit="percent",
            empty=NOT_SCRAPED,
        ),
        [
            promql(f"max by (instance) ({metric}{_SERVER})", legend=f"{name} {{{{instance}}}}")
            for name, metric in used.items()
        ],
        size=(8, 8),
        style=Style(steps=Steps("transparent", (80, YELLOW), (85, RED)), bounds=(0, 100)),
    )


def _memory() -> Panel:
    return timeseries(
        Caption(
            title="Model server: memory",
            description="Memory of the server's process, and what loading each model took of it",
            unit="bytes",
            empty=NOT_SCRAPED,
        ),
        [
            promql(
                f"max by (instance) (system_memory_usage_mb{_SERVER}) * {_MIB}",
                legend="process {{instance}}",
            ),
            promql(
                f"max by (model_name) (model_memory_usage_bytes{_SERVER})", legend="{{model_name}}"
            ),
        ],
        size=(8, 8),
        style=Style(bounds=(0, None)),
    )


def _waiting() -> Panel:
    return timeseries(
        Caption(
            title="Model server: being answered",
            description="Requests that have come and are not answered yet, at each scrape",
            unit=COUNT,
            empty=NOT_SCRAPED,
        ),
        [promql(f"sum by (instance) (api_active_requests{_SERVER})", legend="{{instance}}")],
        size=(8, 8),
        style=Style(decimals=0, bounds=(0, None)),
    )


def loading() -> Panel:
    """Return how long its models took to load."""
    return stat(
        Caption(
            title="Model server: loading",
            description="Time that the last loading of each model took",
            unit="s",
            empty=NOT_SCRAPED,
        ),
        [
            instant(
                f"max by (model_name) (model_load_time_seconds{_SERVER})", legend="{{model_name}}"
            )
        ],
        size=(6, 7),
        style=Style(color=BLUE),
        background=False,
    )
