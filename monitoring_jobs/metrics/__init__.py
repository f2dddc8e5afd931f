"""The catalog of Prometheus metrics: what is pushed, and what is reserved for online serving.

Pure values. Gauges, ``docs/metrics.md`` and the tests are made from them, so that a name, its
labels and its meaning are said once.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from monitoring_jobs.metrics import extract, publish, serving
from monitoring_jobs.metrics.extract import MAX_METRIC_SERIES
from monitoring_jobs.metrics.metric import Alias, Bound, Group, Kind, Limit, Metric, Source
from monitoring_jobs.metrics.page import page
from monitoring_jobs.metrics.publish import MAX_COLUMN_SERIES, MODEL

__all__ = [
    "Alias",
    "Bound",
    "Group",
    "Kind",
    "Limit",
    "MAX_COLUMN_SERIES",
    "MAX_METRIC_SERIES",
    "MODEL",
    "Metric",
    "PUSHED",
    "RESERVED",
    "Source",
    "metrics_page",
]

_PUSHED_GROUPS = (*publish.GROUPS, *extract.GROUPS)


def _by_name(groups: tuple[Group, ...]) -> Mapping[str, Metric]:
    return MappingProxyType({metric.name: metric for group in groups for metric in group.metrics})


PUSHED = _by_name(_PUSHED_GROUPS)
RESERVED = _by_name(serving.GROUPS)


def metrics_page() -> str:
    """Return ``docs/metrics.md``."""
    return page(_PUSHED_GROUPS, serving.GROUPS)
