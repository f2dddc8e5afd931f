"""Evaluations by several workers: each measures a group of columns, one joins their parts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from monitoring_jobs.errors import MonitoringError, StoreRefused
from monitoring_jobs.opening import ask_mlflow, opened
from monitoring_jobs.parts import Basis, ColumnGroup, Part, in_order
from monitoring_jobs.results import Evaluation, Measurement, ModelRef
from monitoring_jobs.windows import Window

if TYPE_CHECKING:
    from monitoring_jobs.comparison import Comparison
    from monitoring_jobs.measure import Progress
    from monitoring_jobs.reports.parts import PartStore
    from monitoring_jobs.settings import Settings
    from monitoring_jobs.spec import MonitorSpec

log = logging.getLogger(__name__)


def evaluate_part(
    spec: MonitorSpec,
    window: Window,
    settings: Settings,
    group: ColumnGroup,
    *,
    progress: Progress | None = None,
) -> Part:
    """Judge one group of a window's columns and keep the part for ``evaluate(..., join=N)``.

    Args:
        spec: The monitor.
        window: The rows to judge.
        settings: Where the report store, the cache and MLflow are; all workers need the same store.
        group: Which columns; a group without columns gives a part without measurements.
        progress: Called with columns done, columns in all, and the column's name.

    Returns:
        The part as it was stored.

    Raises:
        TransientError: A service did not answer; try again.
        TerminalError: The monitor, its data or its reference cannot be used.
    """
    from monitoring_jobs.measure import measure_columns
    from monitoring_jobs.reports.parts import PartStore

    store = PartStore(settings.report_store, spec.name, window)
    log.info(
        "evaluating columns %s of %s on %s",
        group,
        spec.name,
        window,
        extra={"action": "evaluate_part", "monitor": spec.name},
    )
    model = ask_mlflow(spec, settings)
    with opened(spec, window, settings, model) as comparison:
        basis = basis_of(comparison, model.ref, window, group.count)
        measurements = measure_columns(comparison, group.of(basis.columns), progress)
    part = Part(basis=basis, group=group, measurements=tuple(measurements))
    store.put(part)
    log.info(
        "columns %s of %s on %s: %d measurements",
        group,
        spec.name,
        window,
        len(measurements),
        extra={"action": "evaluated_part", "monitor": spec.name},
    )
    return part


def basis_of(comparison: Comparison, model: ModelRef, window: Window, count: int) -> Basis:
    """Return what parts of an evaluation depend on; ask before any column is read.

    Args:
        comparison: The window and its reference.
        model: The model as MLflow knows it now.
        window: The window.
        count: Into how many groups the columns are cut.
    """
    from monitoring_jobs import __version__
    from monitoring_jobs.data.mark import mark_of

    spec = comparison.spec
    return Basis(
        monitor=spec.name,
        window=str(window),
        count=count,
        spec_hash=spec.spec_hash,
        code_version=__version__,
        model=f"{model.name} version {model.version}" if model.name else "",
        reference_id=comparison.reference.identity,
        rows=comparison.current.rows,
        data=mark_of(comparison.current, spec.data.source),
        judged=tuple(comparison.judged.items()),
    )


@dataclass(frozen=True, slots=True)
class Join:
    """The parts of a window as the report store holds them now.

    Attributes:
        basis: What they have to be computed from.
        parts: Those that are there, in order; None for each that is not.
        store: Where they are.
        stored: Returns the evaluation that stands where the joined one will.
    """

    basis: Basis
    parts: Sequence[Part | None]
    store: PartStore
    stored: Callable[[], Evaluation]

    @classmethod
    def begin(cls, settings: Settings, window: Window, basis: Basis, out: Path | None) -> Join:
        """Read the parts.

        Args:
            settings: Where the report store is.
            window: The window.
            basis: What its parts have to be computed from.
            out: The folder that gets the evaluation instead of the report store.

        Raises:
            StoreRefused: A part is corrupt.
            StoreUnavailable: The report store does not answer.
        """
        from monitoring_jobs.reports.parts import PartStore
        from monitoring_jobs.reports.store import ReportStore, read_folder

        store = PartStore(settings.report_store, basis.monitor, window)
        kept = ReportStore.open(settings.report_store)
        stored = partial(read_folder, out) if out else partial(kept.get, basis.monitor, window)
        return cls(basis, store.find(basis), store, stored)

    def done_already(self) -> Evaluation | None:
        """Return the evaluation that was joined from parts which are gone; None if there is none.

        A join that was killed while it removed its parts, or that another run has overtaken, has
        nothing left to do: what is stored was computed from what it would be computed from now.
        """
        if None not in self.parts:
            return None
        try:
            stored = self.stored()
        except StoreRefused:
            return None
        # A report that failed may succeed now, but only with its parts at hand.
        failed = any(m.check == "report" for m in stored.measurements)
        if failed or not self.basis.made(stored.attempt):
            return None
        self._tell("joined_already", "%s was joined already, by attempt %s", stored.attempt)
        self.finish()
        return stored

    def columns(self) -> list[Measurement]:
        """Return the measurements of all judged columns, in order.

        Raises:
            StoreRefused: A part is missing, was computed from something else, or does not fit.
        """
        found = [part for part in self.parts if part is not None]
        missing = set(self.basis.groups) - {part.group for part in found}
        if missing:
            raise self.store.refusal(self.basis, sorted(missing))
        try:
            return in_order(found, self.basis.columns)
        except ValueError as exc:
            raise StoreRefused(
                f"the parts of {self.basis.monitor} on {self.basis.window} do not fit: {exc}",
                "run every part again, then join (in Airflow: clear evaluate_columns)",
            ) from exc

    def finish(self) -> None:
        """Remove the parts, which have served; those that resist are swept by the maintenance."""
        try:
            self.store.remove(self.basis)
        except MonitoringError as exc:
            self._tell("parts_left", "parts of %s are left for the maintenance: %s", exc)

    def _tell(self, action: str, text: str, more: object) -> None:
        what = f"{self.basis.monitor} on {self.basis.window}"
        log.warning(text, what, more, extra={"action": action, "monitor": self.basis.monitor})
