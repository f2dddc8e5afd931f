"""Panels about the machines: node-exporter's figures, or those that the model server tells."""

from __future__ import annotations

from monitoring_dashboards.panels import Caption, Panel, Style, timeseries
from monitoring_dashboards.statuses import RED, Steps
from monitoring_dashboards.targets import Target, promql

_NOT_SCRAPED = "Prometheus scrapes neither a node-exporter nor a model server: see its targets."
_ON_DISK = 'fstype!~"tmpfs|ramfs|overlay|squashfs|nsfs"'


def cpu() -> Panel:
    """Return how busy the processors are; HighCPUUsage alerts above 80 %."""
    busy = 'rate(node_cpu_seconds_total{mode="idle"}[$__rate_interval])'
    return _used(
        "CPU",
        "Busy share of all processors",
        80,
        [
            promql(f"100 * (1 - avg by (instance) ({busy}))", legend="{{instance}}"),
            promql("system_cpu_usage", legend="{{instance}} (model server)"),
        ],
    )


def memory() -> Panel:
    """Return how much memory is taken; HighMemoryUsage alerts above 85 %."""
    free = "node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes"
    return _used(
        "Memory",
        "Memory that is not available to new programs",
        85,
        [
            promql(f"100 * (1 - {free})", legend="{{instance}}"),
            promql("system_ram_usage", legend="{{instance}} (model server)"),
        ],
    )


def disk() -> Panel:
    """Return how full the file systems are."""
    free = f"node_filesystem_avail_bytes{{{_ON_DISK}}} / node_filesystem_size_bytes{{{_ON_DISK}}}"
    return _used(
        "Disk",
        "Used share of each file system",
        90,
        [
            promql(f"100 * (1 - {free})", legend="{{instance}} {{mountpoint}}"),
            promql("system_disk_usage", legend="{{instance}} (model server)"),
        ],
    )


def _used(title: str, description: str, limit: float, targets: list[Target]) -> Panel:
    return timeseries(
        Caption(
            title=title,
            description=f"{description}; dashed: {limit:g} %",
            unit="percent",
            empty=_NOT_SCRAPED,
        ),
        targets,
        size=(8, 8),
        style=Style(steps=Steps("transparent", (limit, RED)), bounds=(0, 100)),
    )
