"""Files in a local folder: temporary file, fsync, rename; updates under an advisory lock."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from monitoring_jobs.errors import StoreRefused
from monitoring_jobs.reports.files import Change, Opened, store_error
from monitoring_jobs.whole_file import whole_file

_LOCK = ".lock"


class LocalFiles:
    """Files in a local folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, name: str) -> bytes | None:
        """Return a file's content; None where there is no such file."""
        with self._translated(name):
            try:
                return self._path(name).read_bytes()
            except FileNotFoundError:
                return None

    @contextlib.contextmanager
    def opened(self, name: str) -> Iterator[Opened | None]:
        """Open a file of any size; None where there is no such file."""
        with self._translated(name):
            try:
                file = self._path(name).open("rb")
            except FileNotFoundError:
                file = None
        if file is None:
            yield None
            return
        with file:
            size = os.fstat(file.fileno()).st_size
            yield Opened(file, size, partial(self._translated, name))

    def write(self, name: str, content: bytes) -> None:
        """Write a file: a reader sees the old content or the new, never a part."""
        self.write_from(name, io.BytesIO(content))

    def write_from(self, name: str, content: IO[bytes]) -> None:
        """Write a file of any size, in the same way."""
        with self._translated(name):
            path = self._path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as file:
                shutil.copyfileobj(content, file)

    def update(self, name: str, change: Change) -> None:
        """Replace a file by ``change(content)`` while no other process of any host updates it."""
        with self._lock(name):
            self.write(name, change(self.read(name)))

    def find(self, folder: str) -> list[str]:
        """Return the names of all files below a folder, sorted; an absent folder has none."""
        with self._translated(folder):
            found = [
                (Path(parent) / file).relative_to(self._root).as_posix()
                for parent, _, files in os.walk(self._path(folder))
                for file in files
                if file != _LOCK
            ]
        return sorted(found)

    def folders(self) -> list[str]:
        """Return the folders directly below the root, sorted."""
        with self._translated(""):
            try:
                with os.scandir(self._root) as entries:
                    return sorted(entry.name for entry in entries if entry.is_dir())
            except FileNotFoundError:
                return []

    def modified(self, name: str) -> datetime | None:
        """Return when a file was written, in UTC; None where it is gone."""
        with self._translated(name):
            try:
                return datetime.fromtimestamp(self._path(name).stat().st_mtime, UTC)
            except FileNotFoundError:
                return None

    def remove(self, name: str) -> None:
        """Remove a file; one that is gone already is no error."""
        with self._translated(name):
            self._path(name).unlink(missing_ok=True)

    def prune(self, folder: str) -> None:
        """Remove a folder if nothing is left in it."""
        with self._translated(folder):
            try:
                self._path(folder).rmdir()
            except OSError as exc:
                if exc.errno not in (errno.ENOTEMPTY, errno.ENOENT):
                    raise

    def location(self, name: str) -> str:
        """Return the absolute path of a name."""
        return str((self._root / name).absolute())

    def _path(self, name: str) -> Path:
        """Return a name's path.

        Raises:
            StoreRefused: A symbolic link leads out of the store.
        """
        path = self._root / name
        if not path.resolve().is_relative_to(self._root.resolve()):
            raise StoreRefused(
                f"report store: {name!r} leads out of {self._root}", "remove the symbolic link"
            )
        return path

    @contextlib.contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        # One lock per top folder: a lock inside the folder it guards would vanish with it.
        with self._translated(name):
            lock = self._path(PurePosixPath(name).parts[0]) / _LOCK
            lock.parent.mkdir(parents=True, exist_ok=True)
            file = lock.open("ab")
        with file:
            with self._translated(name):
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def _translated(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            raise store_error(self.location(name), exc) from exc
