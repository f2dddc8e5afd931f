"""Parts of split evaluations in the report store: each beside the evaluation that it is for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from monitoring_jobs.errors import StoreRefused
from monitoring_jobs.parts import Basis, ColumnGroup, Part
from monitoring_jobs.reports.files import Files
from monitoring_jobs.reports.places import open_files
from monitoring_jobs.reports.store import PART, folder_of
from monitoring_jobs.windows import Window

_AGAIN = "run every part again, then join (in Airflow: clear evaluate_columns)"


class PartStore:
    """Parts under names that say what they were computed from, so that any number may write.

    A part that is written again is written with the same content; readers see it whole or not at
    all. Parts of other data lie under other names and are never found by mistake.

    Args:
        url: The report store: a folder or an fsspec URL.
        window: The window whose parts are meant.
        monitor: Its monitor.
    """

    def __init__(self, url: str | Path, monitor: str, window: Window) -> None:
        self._files: Files = open_files(str(url))
        self._folder = folder_of(monitor, window)
        self._shown = f"{monitor} for {window}"

    def put(self, part: Part) -> None:
        """Store a part.

        Raises:
            StoreUnavailable: The store does not answer, or is full.
            StoreRefused: The store cannot be written as configured.
        """
        self._files.write(self._name(part.basis, part.group), part.to_json().encode("ascii"))

    def find(self, basis: Basis) -> list[Part | None]:
        """Return the parts of a basis, in order; None for each that is not there.

        Raises:
            StoreRefused: One is corrupt, or was put there under a wrong name.
            StoreUnavailable: The store does not answer.
        """
        return [self._find(basis, group) for group in basis.groups]

    def remove(self, basis: Basis) -> None:
        """Remove the parts of a basis; those that are gone already are no error."""
        for group in basis.groups:
            self._files.remove(self._name(basis, group))
        self._files.prune(self._folder)

    def refusal(self, basis: Basis, missing: Sequence[ColumnGroup]) -> StoreRefused:
        """Return why parts of a basis cannot be had: computed from something else, or not at all.

        Args:
            basis: What was looked for.
            missing: Which were not found.
        """
        for other in self._others():
            changes = " and ".join(basis.changes(other.basis))
            is_missing = other.group in missing or other.basis.count != basis.count
            if changes and is_missing:
                return StoreRefused(
                    f"{self._shown}: part {other.group} was computed before {changes} changed",
                    _AGAIN,
                )
        shown = ", ".join(map(str, missing))
        return StoreRefused(
            f"{self._shown}: of its parts are missing: {shown}, in "
            f"{self._files.location(self._folder)}",
            _AGAIN,
        )

    def _find(self, basis: Basis, group: ColumnGroup) -> Part | None:
        name = self._name(basis, group)
        content = self._files.read(name)
        if content is None:
            return None
        try:
            part = Part.from_json(content)
        except ValueError as exc:
            raise self._broken(name, group) from exc
        if (part.basis, part.group) != (basis, group):
            raise self._broken(name, group)
        return part

    def _broken(self, name: str, group: ColumnGroup) -> StoreRefused:
        return StoreRefused(
            f"{self._files.location(name)} is not part {group} of {self._shown}",
            f"remove it, run part {group} again, then join (in Airflow: clear evaluate_columns)",
        )

    def _others(self) -> Iterator[Part]:
        """Yield the parts of this window, whatever they were computed from."""
        for name in self._files.find(self._folder):
            if PART.fullmatch(name.rpartition("/")[2]) is None:
                continue
            content = self._files.read(name)
            try:
                if content is not None:
                    yield Part.from_json(content)
            except ValueError:
                continue

    def _name(self, basis: Basis, group: ColumnGroup) -> str:
        return f"{self._folder}/part-{basis.id}-{group.number}-of-{group.count}.json"
