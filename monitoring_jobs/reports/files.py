"""What the report store needs of a folder or an object store, and what their errors mean."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import IO, Protocol

from monitoring_jobs.errors import StoreRefused, StoreUnavailable

_HOPELESS = (errno.EROFS, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.ELOOP)

Change = Callable[[bytes | None], bytes]


class Opened:
    """A file that is read piece by piece.

    Attributes:
        size: Its length in bytes.
    """

    def __init__(
        self, file: IO[bytes], size: int, translated: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._file = file
        self._translated = translated
        self.size = size

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, none at the end.

        Raises:
            StoreUnavailable: The store does not answer any more.
        """
        with self._translated():
            return self._file.read(size)


class Files(Protocol):
    """Files by their name relative to a root, with ``/`` between the parts."""

    def read(self, name: str) -> bytes | None:
        """Return a file's content; None where there is no such file."""

    def opened(self, name: str) -> AbstractContextManager[Opened | None]:
        """Open a file of any size; None where there is no such file."""

    def write(self, name: str, content: bytes) -> None:
        """Write a file: a reader sees the old content or the new, never a part."""

    def write_from(self, name: str, content: IO[bytes]) -> None:
        """Write a file of any size, in the same way."""

    def update(self, name: str, change: Change) -> None:
        """Replace a file by ``change(content)``; no other update comes between reading and writing.

        ``change`` may be called again when another writer was faster, and may raise to refuse.
        """

    def find(self, folder: str) -> list[str]:
        """Return the names of all files below a folder, sorted; an absent folder has none."""

    def folders(self) -> list[str]:
        """Return the folders directly below the root, sorted."""

    def modified(self, name: str) -> datetime | None:
        """Return when a file was written, in UTC; None where it is gone."""

    def remove(self, name: str) -> None:
        """Remove a file; one that is gone already is no error."""

    def prune(self, folder: str) -> None:
        """Remove a folder if nothing is left in it."""

    def location(self, name: str) -> str:
        """Return the path or URL of a name, for people."""


def store_error(location: str, exc: Exception) -> StoreRefused | StoreUnavailable:
    """Return what an error of the file system or driver means to a person."""
    reason = getattr(exc, "strerror", None) or type(exc).__name__
    what = f"report store: {location}: {reason}"
    if isinstance(exc, PermissionError) or type(exc).__name__ == "NoCredentialsError":
        return StoreRefused(what, "grant the writer access, or set its credentials")
    if isinstance(exc, FileNotFoundError):
        return StoreRefused(what, "create the folder or bucket")
    if isinstance(exc, OSError) and exc.errno in _HOPELESS:
        return StoreRefused(what, "check MONITORING_REPORT_STORE")
    return StoreUnavailable(what, "check that it is reachable and not full, then try again")
