"""The report store: evaluations and their reports, by monitor and window.

Layout: ``<root>/<monitor>/<start>--<end>/evaluation.json`` with its report beside it. The report is
written first under a name of its own; replacing evaluation.json is the commit. Parts of a split
evaluation lie there while it is computed, see ``parts.py``.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path, PurePosixPath

from monitoring_jobs.errors import StaleAttempt, StoreRefused
from monitoring_jobs.evaluation_ids import MONITOR_NAME, parse_window_id, window_id
from monitoring_jobs.reports.files import Files
from monitoring_jobs.reports.places import open_files
from monitoring_jobs.results import Evaluation
from monitoring_jobs.windows import Window, as_utc, utc_text

EVALUATION = "evaluation.json"
REPORT = "report.html"
PART = re.compile(r"part-[0-9a-f]{32}-\d{1,2}-of-\d{1,2}\.json")

_SURROGATE = re.compile("[\ud800-\udfff]")
_ATTEMPT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_REPORT = re.compile(r"report(-[A-Za-z0-9][A-Za-z0-9_.-]{0,63})?\.html")


def drafts(url: str) -> str:
    """Return the URL of the store of a store's drafts: evaluations that nobody publishes.

    They lie apart, so that one never replaces a window's evaluation: no monitor's name begins with
    an underscore, so no folder of a monitor is taken for it.
    """
    return f"{url.rstrip('/')}/_drafts"


class ReportStore:
    """Evaluations and reports; safe for many writers, and for readers at any moment."""

    def __init__(self, files: Files) -> None:
        self._files = files

    @classmethod
    def open(cls, url: str | Path) -> ReportStore:
        """Return the store in a folder or under an fsspec URL; nothing is created yet.

        Raises:
            StoreRefused: Not a place where a store can be.
            MissingDependency: The URL's driver is not installed.
        """
        return cls(open_files(str(url)))

    def put(self, evaluation: Evaluation, report_html: str | None) -> Evaluation:
        """Store an evaluation in place of an earlier attempt at the same window.

        Returns:
            The evaluation as stored: with the file name of its report.

        Raises:
            StaleAttempt: The store holds an attempt that began later.
            StoreUnavailable: The store does not answer, or is full.
            StoreRefused: The store cannot be written as configured.
        """
        folder = folder_of(evaluation.monitor, evaluation.window)
        name = None if report_html is None else _report_name(evaluation.attempt)
        stored = dataclasses.replace(evaluation, report=name)
        parse = lru_cache(maxsize=1)(_attempt)  # what is replaced is seldom another than was found
        if name is not None and report_html is not None:
            _refuse_stale(parse(self._files.read(f"{folder}/{EVALUATION}")), evaluation)
            self._files.write(f"{folder}/{name}", _utf8(report_html))
        replaced: str | None = None

        def replace(content: bytes | None) -> bytes:
            nonlocal replaced
            held = parse(content)
            _refuse_stale(held, evaluation)
            replaced = held.report if held else None
            return _utf8(stored.to_json())

        try:
            self._files.update(f"{folder}/{EVALUATION}", replace)
        except StaleAttempt:
            if name is not None:
                self._files.remove(f"{folder}/{name}")
            raise
        if replaced is not None and replaced != name:
            self._files.remove(f"{folder}/{replaced}")
        return stored

    def get(self, monitor: str, window: Window) -> Evaluation:
        """Return the evaluation of a window.

        Raises:
            StoreRefused: There is none, or it cannot be read as one.
        """
        found = self._find(monitor, window)
        if found is None:
            raise StoreRefused(
                f"report store: no evaluation of {_named(monitor)} for {window}",
                "evaluate that window first",
            )
        return found

    def latest(self, monitor: str, *, by: datetime | None = None) -> Evaluation | None:
        """Return the evaluation of the window that ends last; None where there is none.

        Args:
            monitor: Name of the monitor.
            by: Pass over windows that end later than this.
        """
        for window in sorted(self.windows(monitor), key=_by_end, reverse=True):
            if by is not None and window.end > by:
                continue
            found = self._find(monitor, window)
            if found is not None:
                return found
        return None

    def report_html(self, monitor: str, window: Window) -> str | None:
        """Return the report of a window; None where none was rendered.

        Raises:
            StoreRefused: There is no evaluation of that window, or its report is gone.
        """
        evaluation = self.get(monitor, window)
        # A rerun may replace the report between the two reads; then the next round finds the new.
        while evaluation.report is not None:
            name = f"{folder_of(monitor, window)}/{_checked_report(evaluation.report)}"
            content = self._files.read(name)
            if content is not None:
                return content.decode("utf-8")
            again = self.get(monitor, window)
            if again.report == evaluation.report:
                raise StoreRefused(
                    f"report store: {self._files.location(name)} is gone", "evaluate again"
                )
            evaluation = again
        return None

    def monitors(self) -> list[str]:
        """Return the names of the monitors that have an evaluation, sorted."""
        return [
            name
            for name in self._files.folders()
            if MONITOR_NAME.fullmatch(name) and self.windows(name)
        ]

    def windows(self, monitor: str) -> list[Window]:
        """Return the windows of a monitor that have an evaluation, oldest first."""
        names = (PurePosixPath(name) for name in self._files.find(_named(monitor)))
        found = (_window(name.parts[1]) for name in names if _is_evaluation(name))
        return sorted(window for window in found if window is not None)

    def delete(self, monitor: str, window: Window) -> None:
        """Remove a window's evaluation and report; what is gone already is no error."""
        folder = folder_of(monitor, window)
        # The commit goes first, so that no reader finds an evaluation without its report.
        self._files.remove(f"{folder}/{EVALUATION}")
        for name in self._files.find(folder):
            self._files.remove(name)
        self._files.prune(folder)

    def delete_stored_before(self, limit: datetime) -> int:
        """Remove the evaluations that were stored before an instant, however young their windows.

        Returns:
            How many evaluations were removed.
        """
        deleted = 0
        for monitor in self.monitors():
            for window in self.windows(monitor):
                stored = self._files.modified(f"{folder_of(monitor, window)}/{EVALUATION}")
                if stored is not None and stored < as_utc(limit):
                    self.delete(monitor, window)
                    deleted += 1
        return deleted

    def sweep_orphans(self, older_than: timedelta, now: datetime) -> int:
        """Remove what killed writers left behind: temporary files, uncommitted reports, parts.

        Args:
            older_than: Younger files may belong to a writer at work, and are left alone.
            now: The present.

        Returns:
            How many files were removed.
        """
        limit = as_utc(now) - older_than
        removed = 0
        for monitor in filter(MONITOR_NAME.fullmatch, self._files.folders()):
            for name in self._orphans(monitor):
                modified = self._files.modified(name)
                if modified is not None and modified < limit:
                    self._files.remove(name)
                    self._files.prune(str(PurePosixPath(name).parent))
                    removed += 1
        return removed

    def location(self, monitor: str, window: Window) -> str:
        """Return the path or URL of a window's folder."""
        return self._files.location(folder_of(monitor, window))

    def _find(self, monitor: str, window: Window) -> Evaluation | None:
        name = f"{folder_of(monitor, window)}/{EVALUATION}"
        content = self._files.read(name)
        return None if content is None else _parse(content, self._files.location(name))

    def _orphans(self, monitor: str) -> Iterator[str]:
        names = [PurePosixPath(name) for name in self._files.find(monitor)]
        for folder in {name.parent for name in names if len(name.parts) == 3}:
            inside = [name for name in names if name.parent == folder]
            kept = self._committed(folder) if any(map(_is_report, inside)) else frozenset()
            for name in inside:
                unnamed = kept is not None and _is_report(name) and name.name not in kept
                if unnamed or name.suffix == ".tmp" or PART.fullmatch(name.name):
                    yield str(name)

    def _committed(self, folder: PurePosixPath) -> frozenset[str] | None:
        """Return the report that a folder's evaluation names; None where that is not known."""
        content = self._files.read(f"{folder}/{EVALUATION}")
        try:
            report = None if content is None else Evaluation.from_json(content).report
        except ValueError:
            return None  # which report belongs to a broken file is not known
        return frozenset([report] if report else [])


@dataclasses.dataclass(frozen=True, slots=True)
class _Attempt:
    """What a stored evaluation says of itself: when its attempt began, and its report."""

    began: datetime
    report: str | None


def _attempt(content: bytes | None) -> _Attempt | None:
    """Return the attempt that a file holds; a broken file is healed by replacing it."""
    if content is None:
        return None
    try:
        held = Evaluation.from_json(content)
    except ValueError:
        return None
    is_ours = held.report is not None and _REPORT.fullmatch(held.report)
    return _Attempt(held.computed_at, held.report if is_ours else None)


def _refuse_stale(held: _Attempt | None, evaluation: Evaluation) -> None:
    """Make sure that no later attempt is replaced.

    Raises:
        StaleAttempt: The one that is held began later.
    """
    if held is not None and as_utc(held.began) > as_utc(evaluation.computed_at):
        raise StaleAttempt(
            f"{evaluation.monitor} for {evaluation.window}: the report store holds an attempt "
            f"of {utc_text(held.began)}, later than this of {utc_text(evaluation.computed_at)}",
            "nothing to do: the later one stays",
        )


def write_folder(folder: Path, evaluation: Evaluation, report_html: str | None) -> Evaluation:
    """Write ``evaluation.json`` and ``report.html`` into a folder of the caller's choice.

    Returns:
        The evaluation as written: with the file name of its report.
    """
    files = open_files(str(folder))
    stored = dataclasses.replace(evaluation, report=None if report_html is None else REPORT)
    # The names are fixed, so the old evaluation goes before its report is replaced.
    files.remove(EVALUATION)
    if report_html is None:
        files.remove(REPORT)
    else:
        files.write(REPORT, _utf8(report_html))
    files.write(EVALUATION, _utf8(stored.to_json()))
    return stored


def read_folder(folder: str | Path) -> Evaluation:
    """Return the evaluation in a folder: one of ``write_folder``, or of a store (path or URL).

    Raises:
        StoreRefused: There is none, or it cannot be read as one.
    """
    files = open_files(str(folder))
    content = files.read(EVALUATION)
    if content is None:
        raise StoreRefused(
            f"{files.location(EVALUATION)} does not exist", "give the folder of an evaluation"
        )
    return _parse(content, files.location(EVALUATION))


def read_report(folder: str | Path, evaluation: Evaluation) -> str | None:
    """Return the report beside an evaluation of ``read_folder``; None where there is none."""
    if evaluation.report is None:
        return None
    content = open_files(str(folder)).read(_checked_report(evaluation.report))
    return None if content is None else content.decode("utf-8")


def _named(monitor: str) -> str:
    """Return a monitor's name, which is a folder here.

    Raises:
        StoreRefused: It could lead elsewhere.
    """
    if not MONITOR_NAME.fullmatch(monitor):
        raise StoreRefused("report store: that is not the name of a monitor", "check the name")
    return monitor


def folder_of(monitor: str, window: Window) -> str:
    """Return the folder of a window, relative to the store's root."""
    return f"{_named(monitor)}/{window_id(window)}"


def _window(folder: str) -> Window | None:
    try:
        return parse_window_id(folder)
    except ValueError:
        return None


def _is_report(name: PurePosixPath) -> bool:
    return _REPORT.fullmatch(name.name) is not None


def _is_evaluation(name: PurePosixPath) -> bool:
    return len(name.parts) == 3 and name.name == EVALUATION


def _by_end(window: Window) -> tuple[datetime, datetime]:
    return window.end, window.start


def _report_name(attempt: str) -> str:
    if not _ATTEMPT.fullmatch(attempt):
        attempt = hashlib.blake2b(attempt.encode("utf-8", "replace"), digest_size=16).hexdigest()
    return f"report-{attempt}.html"


def _checked_report(name: str) -> str:
    if not _REPORT.fullmatch(name):
        raise StoreRefused("report store: an evaluation names no proper report", "evaluate again")
    return name


def _parse(content: bytes, location: str) -> Evaluation:
    try:
        return Evaluation.from_json(content)
    except ValueError as exc:
        raise StoreRefused(
            f"{location} is not an evaluation of this version", "evaluate that window again"
        ) from exc


def _utf8(text: str) -> bytes:
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text).encode()
