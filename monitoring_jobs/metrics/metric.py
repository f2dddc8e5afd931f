"""What is known of a metric without pushing it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Prometheus' type of a metric."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


class Source(StrEnum):
    """The label ``job`` that a metric comes with."""

    PUBLISH = "publish"
    EXTRACT = "extract"
    EXTRACT_HEALTH = "extract_health"
    MODEL_SERVER = "model-server"


class Bound(StrEnum):
    """Which side of a threshold is bad: below ``min``, above ``max``."""

    MIN = "min"
    MAX = "max"
    EITHER = "min, max or both"
    METHOD = "max of a distance, min of a p-value"


@dataclass(frozen=True, slots=True)
class Limit:
    """The threshold that a monitor file sets for a metric.

    Attributes:
        bound: Which end of what is allowed it is.
        key: The key of the monitor file.
    """

    bound: Bound
    key: str


@dataclass(frozen=True, slots=True)
class Alias:
    """An earlier name of a metric, which a recording rule keeps.

    Attributes:
        name: The earlier name.
        expression: What it means today, in PromQL. Of a histogram: the canonical name, to which
            each of the three series adds its ending.
    """

    name: str
    expression: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric as Prometheus sees it.

    Attributes:
        name: Name of the family; that of a counter ends in ``_total``.
        labels: Its own labels in a fixed order, without those that a scrape adds.
        unit: In words.
        meaning: One line, the help text.
        formula: How the value comes about.
        kind: Gauge, counter or histogram.
        limit: The threshold it is judged by; None where it is not judged.
        aliases: Earlier names.
    """

    name: str
    labels: tuple[str, ...]
    unit: str
    meaning: str
    formula: str
    kind: Kind = Kind.GAUGE
    limit: Limit | None = None
    aliases: tuple[Alias, ...] = ()

    @property
    def help(self) -> str:
        """The help text that Prometheus shows: what it is, and in which unit."""
        return f"{self.meaning} [{self.unit}]"

    @property
    def series(self) -> tuple[str, ...]:
        """Names of the series that one set of labels has."""
        if self.kind is not Kind.HISTOGRAM:
            return (self.name,)
        return tuple(f"{self.name}{ending}" for ending in _ENDINGS)

    @property
    def recordings(self) -> Iterator[tuple[str, str]]:
        """Every recording rule of the aliases: the name that it records, and the expression."""
        for alias in self.aliases:
            if self.kind is Kind.HISTOGRAM and alias.expression == self.name:
                for ending in _ENDINGS:
                    yield f"{alias.name}{ending}", f"{self.name}{ending}"
            else:
                yield alias.name, alias.expression


_ENDINGS = ("_bucket", "_sum", "_count")


@dataclass(frozen=True, slots=True)
class Group:
    """Metrics that belong together, all from one source."""

    title: str
    source: Source
    metrics: tuple[Metric, ...]
