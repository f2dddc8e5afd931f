"""Registries of finished families of metrics, and the text that Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from monitoring_jobs.metrics import PUSHED, Kind

Registry = CollectorRegistry
Family = Metric
Series = Iterable[tuple[tuple[str, ...], float]]


def family_of(name: str, series: Series = ()) -> Family:
    """Return a gauge or counter with the catalog's help text and these series.

    Args:
        name: Name of a pushed metric.
        series: Values of its labels in the catalog's order, each with a number.
    """
    metric = PUSHED[name]
    kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    family = kind(name, metric.help, labels=metric.labels)
    for values, number in series:
        family.add_sample(name, dict(zip(metric.labels, values, strict=True)), float(number))
    return family


def histogram_of(
    name: str, labels: Sequence[str], buckets: Sequence[tuple[str, float]], total: float
) -> Family:
    """Return a histogram with the catalog's help text.

    Args:
        name: Name of a pushed metric.
        labels: Values of its labels in the catalog's order.
        buckets: Upper bounds with cumulative counts, ``+Inf`` last.
        total: Sum of the values.
    """
    metric = PUSHED[name]
    family = HistogramMetricFamily(name, metric.help, labels=metric.labels)
    family.add_metric(labels, buckets=buckets, sum_value=total)
    return family


def registry_of(families: Iterable[Family]) -> Registry:
    """Return a registry that yields these families and nothing of the process."""
    registry = CollectorRegistry()
    registry.register(_Collector(families))
    return registry


def exposition(registry: Registry) -> bytes:
    """Return a registry in Prometheus' text format."""
    return generate_latest(registry)


class _Collector:
    def __init__(self, families: Iterable[Family]) -> None:
        self._families = tuple(families)

    def collect(self) -> Iterator[Family]:
        return iter(self._families)
