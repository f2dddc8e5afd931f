"""Registries of finished families of metrics, and the text that Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric

Registry = CollectorRegistry


def registry_of(families: Iterable[Metric]) -> Registry:
    """Return a registry that yields these families and nothing of the process."""
    registry = CollectorRegistry()
    registry.register(_Collector(families))
    return registry


def exposition(registry: Registry) -> bytes:
    """Return a registry in Prometheus' text format."""
    return generate_latest(registry)


class _Collector:
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = tuple(families)

    def collect(self) -> Iterator[Metric]:
        return iter(self._families)
