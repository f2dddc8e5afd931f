"""The registry of column checks, and the boundary that keeps one bad column from the others."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from monitoring_jobs.checks import drift, quality
from monitoring_jobs.checks.case import ColumnCase, Scribe
from monitoring_jobs.errors import TerminalError
from monitoring_jobs.results import Measurement
from monitoring_jobs.spec import Checks, DriftCheck

logger = logging.getLogger(__name__)

ColumnCheck = Callable[[ColumnCase, Any, int], list[Measurement]]

COLUMN_CHECKS: Mapping[str, ColumnCheck] = MappingProxyType(
    {"quality": quality.check_column, "drift": drift.check_column}
)


def column_check(name: str) -> ColumnCheck:
    """Return the check of that name.

    Raises:
        TerminalError: There is none; the message lists those that there are.
    """
    try:
        return COLUMN_CHECKS[name]
    except KeyError:
        known = ", ".join(COLUMN_CHECKS)
        raise TerminalError(f"there is no column check {name!r}", f"use one of {known}") from None


def measure_column(case: ColumnCase, checks: Checks) -> list[Measurement]:
    """Run every check that is turned on over one column of one segment.

    A check that raises yields one measurement of status ``error``, with ``error`` as its metric;
    the other checks and columns go on.
    """
    measurements: list[Measurement] = []
    for name in COLUMN_CHECKS:
        spec = getattr(checks, name)
        if spec is not False:
            measurements += _guarded(name, case, spec, min_rows(checks))
    return measurements


def min_rows(checks: Checks) -> int:
    """Return how many rows a window needs to be judged; drift's setting holds for quality too."""
    return checks.drift.min_rows if isinstance(checks.drift, DriftCheck) else 1


def _guarded(name: str, case: ColumnCase, spec: object, least: int) -> list[Measurement]:
    try:
        return column_check(name)(case, spec, least)
    except Exception as exc:  # noqa: BLE001 the per-column boundary
        # The message may quote values of the data, so only the kind and the place are told.
        frame = traceback.extract_tb(exc.__traceback__)[-1]
        reason = f"{type(exc).__name__} in {Path(frame.filename).name}:{frame.lineno}"
        logger.warning(
            "a check failed on a column: %s",
            reason,
            extra={"action": "check_failed", "check": name},
        )
        return [Scribe(check=name, column=case.name, segment=case.segment).error("error", reason)]
