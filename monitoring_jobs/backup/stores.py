"""The files of a store: out of it, and back into it, so that no evaluation lacks its report."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from monitoring_jobs.backup.manifest import STORES, ArchiveRefused, SavedStore, checked_name
from monitoring_jobs.backup.places import Store
from monitoring_jobs.backup.reading import Archive
from monitoring_jobs.backup.writing import BackupFailed, Writer
from monitoring_jobs.errors import StoreRefused
from monitoring_jobs.reports.files import Files
from monitoring_jobs.reports.places import open_files
from monitoring_jobs.reports.store import EVALUATION

Told = Callable[[int, int | None, str], None]

_REPLACED_AT_MOST = 10
_IN_MEMORY = 32 << 20


def require_store(store: Store) -> None:
    """Make sure that a store is there: of one that is misspelled the backup would hold nothing.

    Raises:
        StoreUnavailable: It does not answer.
        StoreRefused: It is not there.
    """
    from monitoring_jobs.reports.object_files import ObjectFiles

    files = open_files(store.url)
    if isinstance(files, ObjectFiles):
        files.require_bucket()
    elif not Path(files.location("")).is_dir():
        raise StoreRefused(
            f"store {store.name}: there is no folder {files.location('')}",
            "name the one that the jobs write to, or make it",
        )


def save_store(store: Store, writer: Writer, told: Told) -> SavedStore:
    """Copy all files of a store.

    Writers may be at work: what names another file, an evaluation, is copied after it, and again
    where that file has gone meanwhile.

    Raises:
        StoreUnavailable: The store does not answer.
        BackupFailed: A file has a name that no archive can hold, or is replaced all the time.
    """
    saving = _Saving(store, open_files(store.url), writer)
    names = sorted(saving.files.find(""), key=_commits_last)
    for number, name in enumerate(names):
        told(number, len(names), f"{store.name}: {name}")
        if PurePosixPath(name).suffix == ".tmp":
            continue  # of a writer at work, or of one that was killed
        if PurePosixPath(name).name == EVALUATION:
            saving.evaluation(name)
        else:
            saving.file(name)
    return SavedStore(len(saving.saved), saving.size)


class _Saving:
    """What has been copied of a store."""

    def __init__(self, store: Store, files: Files, writer: Writer) -> None:
        self.files = files
        self.saved: set[str] = set()
        self.size = 0
        self._store = store
        self._writer = writer

    def file(self, name: str) -> bool:
        """Copy a file; False where it is gone."""
        self._check(name)
        with self.files.opened(name) as opened:
            if opened is None:
                return False
            self._writer.add_file(self._store.name, name, opened, opened.size)
            self.saved.add(name)
            self.size += opened.size
        return True

    def evaluation(self, name: str) -> None:
        """Copy an evaluation as it was when its report was there."""
        for _ in range(_REPLACED_AT_MOST):
            content = self.files.read(name)
            if content is None:
                return
            report = _report_beside(name, content)
            if report is None or report in self.saved or self.file(report):
                self._check(name)
                self._writer.add_bytes(self._store.name, name, content)
                self.saved.add(name)
                self.size += len(content)
                return
            if content == self.files.read(name):
                # It was gone before: the browser says so, and evaluating again mends it.
                self._writer.add_bytes(self._store.name, name, content)
                self.saved.add(name)
                return
        raise BackupFailed(
            f"{self.files.location(name)} is replaced all the time", "make the backup again"
        )

    def _check(self, name: str) -> None:
        try:
            checked_name(f"{STORES}/{self._store.name}/{name}")
        except ArchiveRefused as exc:
            raise BackupFailed(
                f"store {self._store.name}: no archive can hold the name {name[:80]!r}",
                "rename that file, or leave its store out",
            ) from exc


def refuse_files(store: Store) -> None:
    """Make sure that a store holds no files which a restore might replace.

    Raises:
        StoreRefused: It does.
    """
    files = open_files(store.url)
    if found := files.find(""):
        raise StoreRefused(
            f"store {store.name}: {files.location(found[0])} is there already",
            "restore into an empty store, or add --replace to overwrite files of the same name",
        )


def restore_store(store: Store, archive: Archive, names: Sequence[str], told: Told) -> int:
    """Write the files of a store, evaluations after their reports; return how many there are.

    Files that the archive does not hold stay as they are.

    Raises:
        StoreUnavailable: The store does not answer, or is full.
        StoreRefused: The store cannot be written as configured.
    """
    files = open_files(store.url)
    prefix = f"{STORES}/{store.name}/"
    for number, member in enumerate(sorted(names, key=_commits_last)):
        name = member.removeprefix(prefix)
        told(number, len(names), f"{store.name}: {name}")
        with archive.open(member) as content:
            if archive.size(member) <= _IN_MEMORY:
                files.write(name, content.read())
            else:
                files.write_from(name, content)
    return len(names)


def _commits_last(name: str) -> tuple[str, bool, str]:
    path = PurePosixPath(name)
    return str(path.parent), path.name == EVALUATION, path.name


def _report_beside(name: str, content: bytes) -> str | None:
    """Return the report that an evaluation names; None where it has none, or is no evaluation."""
    try:
        report = json.loads(content).get("report")
    except (ValueError, AttributeError, RecursionError):
        return None
    # Whoever keeps artifacts may call any of them evaluation.json.
    usual = isinstance(report, str) and report.endswith(".html") and report.isprintable()
    if not usual or PurePosixPath(report).name != report:
        return None
    return str(PurePosixPath(name).with_name(report))
