"""Short ways to a case and to its measurements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa

from monitoring_jobs.checks.case import ColumnCase
from monitoring_jobs.results import Measurement
from monitoring_jobs.statistics import statistics_of

Values = Sequence[float | str | None]


def case(
    current: Values, reference: Values | None, *, name: str = "x", segment: str = ""
) -> ColumnCase:
    """Return a case whose kind follows from the first value that is there."""
    known = [value for value in [*current, *(reference or [])] if value is not None]
    kind = "categorical" if known and isinstance(known[0], str) else "numerical"
    arrow_type = pa.string() if kind == "categorical" else pa.float64()
    return ColumnCase(
        name=name,
        kind=kind,
        segment=segment,
        current=statistics_of(pa.array(current, arrow_type)),
        reference=None if reference is None else statistics_of(pa.array(reference, arrow_type)),
    )


def by_metric(measurements: Iterable[Measurement]) -> dict[str, Measurement]:
    """Return measurements by metric, sure that no metric comes twice."""
    found: dict[str, Measurement] = {}
    for measurement in measurements:
        assert measurement.metric not in found
        found[measurement.metric] = measurement
    return found
