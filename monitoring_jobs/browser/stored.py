"""What the pages show, read from the report store by id."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from monitoring_jobs.browser.measurements import selected, tallied
from monitoring_jobs.browser.values import Judged, Selection
from monitoring_jobs.errors import StoreRefused, StoreUnavailable
from monitoring_jobs.reports.store import ReportStore, drafts
from monitoring_jobs.results import DagRunRef, Evaluation
from monitoring_jobs.windows import Window

log = logging.getLogger(__name__)

# Drafts are few, and go after 30 days; so many of the newest are looked at for that of a run.
_MOST_DRAFTS = 30


class Stored:
    """Evaluations and reports of a report store, and of its drafts."""

    def __init__(self, url: str) -> None:
        self._url = url

    def evaluation(self, monitor: str, window: Window, *, is_draft: bool) -> Evaluation | None:
        """Return an evaluation; None where there is none that could be read.

        Raises:
            StoreUnavailable: The store does not answer, or is not there.
        """
        with _refusals():
            return self._open(is_draft=is_draft).get(monitor, window)
        return None

    def report(self, monitor: str, window: Window, *, is_draft: bool) -> str | None:
        """Return a report; None where there is none that could be read.

        Raises:
            StoreUnavailable: The store does not answer, or is not there.
        """
        with _refusals():
            return self._open(is_draft=is_draft).report_html(monitor, window)
        return None

    def draft_of(self, monitor: str, run: DagRunRef) -> Evaluation | None:
        """Return the draft of a Dag run; None where it made none, or none can be had now."""
        windows: Sequence[Window] = ()
        try:
            store = self._open(is_draft=True)
            with _refusals():
                windows = store.windows(monitor)
        except StoreUnavailable as exc:
            # Most runs make none: their tab is not to depend on a store.
            log.warning("%s", exc, extra={"action": "drafts_unavailable"})
            return None
        for window in windows[: -_MOST_DRAFTS - 1 : -1]:
            with _refusals():
                found = store.get(monitor, window)
                if found.dag_run == run:
                    return found
        return None

    def _open(self, *, is_draft: bool) -> ReportStore:
        """Return the store.

        Raises:
            StoreUnavailable: It is a folder, and is not there: a disk that is not mounted must not
                look like an evaluation without a report.
        """
        if "://" not in self._url and not _is_folder(self._url):
            raise StoreUnavailable(
                "report store: its folder does not exist on this machine",
                "mount it, or check MONITORING_REPORT_STORE",
            )
        return ReportStore.open(drafts(self._url) if is_draft else self._url)


def judged(evaluation: Evaluation, chosen: Selection, *, is_draft: bool) -> Judged:
    """Return an evaluation of a store as a page shows it."""
    return Judged(
        evaluation=evaluation,
        shown=selected(evaluation.measurements, chosen),
        tallies=tallied(evaluation.measurements),
        is_draft=is_draft,
        is_stored=False,
    )


class _refusals(suppress):  # noqa: N801 - used as a function
    """Take what is refused for good as not there; the log says why."""

    def __init__(self) -> None:
        super().__init__(StoreRefused)

    def __exit__(self, *raised: object) -> bool:
        """Note what is kept from the page."""
        if isinstance(raised[1], StoreRefused):
            log.info("%s", raised[1], extra={"action": "report_refused"})
        return super().__exit__(*raised)  # type: ignore[arg-type]


def _is_folder(url: str) -> bool:
    try:
        return Path(url).expanduser().is_dir()
    except RuntimeError:
        return False
