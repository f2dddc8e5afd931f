"""Files behind a path: allowed places only, folders and globs expanded, partitions told apart."""

from __future__ import annotations

import io
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import urlsplit

from monitoring_jobs.data.partitions import Partition, partition_of
from monitoring_jobs.errors import (
    DatasetMissing,
    ForbiddenSource,
    MissingDependency,
    SourceUnavailable,
    UnreadableDataset,
)

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

SUFFIXES = {
    "parquet": (".parquet", ".parq", ".pq"),
    "csv": (".csv", ".csv.gz", ".csv.bz2", ".csv.zst"),
}
_OBJECT_STORES = frozenset({"s3", "gs", "gcs", "abfs", "abfss", "az"})
_EXTRAS = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs"}
_VERSIONS = ("ETag", "etag", "generation", "content_md5", "md5Hash")
_WILDCARDS = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of a dataset.

    Attributes:
        path: Absolute local path, or the path that the object storage's filesystem knows.
        shown: The path as a person knows it.
        partition: What the names of its folders say.
        filesystem: The object storage; None for a local file.
    """

    path: str
    shown: str
    partition: Partition = field(default_factory=dict)
    filesystem: AbstractFileSystem | None = None

    def open(self) -> BinaryIO:
        """Open for reading, unbuffered where the storage is remote."""
        if self.filesystem is None:
            return Path(self.path).open("rb")
        with storage_errors(self.shown):
            handle = self.filesystem.open(self.path, "rb", cache_type="none")
        return cast("BinaryIO", _RemoteFile(handle, self.shown))

    def versions(self) -> dict[str, str]:
        """Return what the object storage calls the version of the content; nothing of local files.

        Raises:
            DatasetMissing: There is no such object any more.
            SourceUnavailable: The object storage does not answer.
        """
        if self.filesystem is None:
            return {}
        with storage_errors(self.shown):
            self.filesystem.invalidate_cache(self.path)  # a listing would tell of the past
            info = self.filesystem.info(self.path)
        return _versions(info)

    def fetched(self, folder: Path, number: int) -> DataFile:
        """Return this file as a local one, downloaded to ``folder`` where it is remote."""
        if self.filesystem is None:
            return self
        target = folder / f"{number:06d}-{posixpath.basename(self.path)[-100:]}"
        with storage_errors(self.shown):
            self.filesystem.get_file(self.path, str(target))
        return DataFile(str(target), self.shown, self.partition)


def _versions(info: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(info[key]) for key in _VERSIONS if info.get(key)}


class _RemoteFile(io.RawIOBase):
    """A remote file whose failures are ours, so that readers cannot take them for corrupt data."""

    def __init__(self, handle: Any, shown: str) -> None:
        self._handle, self._shown = handle, shown

    def read(self, size: int = -1) -> bytes:
        with storage_errors(self._shown):
            data: bytes = self._handle.read(size)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        position: int = self._handle.seek(offset, whence)
        return position

    def tell(self) -> int:
        position: int = self._handle.tell()
        return position

    @property
    def details(self) -> Mapping[str, Any]:
        """What the object storage said of the object when it was opened."""
        return getattr(self._handle, "details", None) or {}

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self._handle.close()
        super().close()


def versions_when_opened(handle: BinaryIO) -> dict[str, str] | None:
    """Return what object storage calls the version of what a handle reads; None where local."""
    return _versions(handle.details) if isinstance(handle, _RemoteFile) else None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a source's path leads.

    Attributes:
        files: Its files in the order of their names.
        shown: The path as a person wrote it.
        may_be_empty: A folder or glob may hold nothing yet; a plain file must be there.
    """

    files: Sequence[DataFile]
    shown: str
    may_be_empty: bool


def find_files(path: str, source: str, *, folder: Path, roots: Sequence[str]) -> Place:
    """Return the files of a path, folder, glob or URL.

    Args:
        path: What the monitor file says; a relative path starts at ``folder``.
        source: ``parquet`` or ``csv``: which files of a folder are meant.
        folder: Where relative paths start.
        roots: Folders and URL prefixes that may be read from; empty allows every local folder and
            the object stores.

    Raises:
        ForbiddenSource: The path leads outside the roots, climbs by ``..``, or its scheme is not
            allowed. Nothing has been read then.
        DatasetMissing: A plain file or a local folder is not there.
        SourceUnavailable: The object storage does not answer.
    """
    if "\0" in path or ".." in path.replace("\\", "/").split("/"):
        raise ForbiddenSource(f"path {path!r} climbs by '..'", "write the path it leads to")
    scheme, separator, rest = path.partition("://")
    if not separator:
        return _find_local(path, source, folder, roots)
    if scheme == "file":
        return _find_local("/" + rest.lstrip("/"), source, folder, roots)
    return _find_remote(path, scheme, source, roots)


def place_of(path: str, folder: Path) -> str:
    """Return what of a source's path stands before its first wildcard: a file, folder or prefix.

    Args:
        path: What the monitor file says.
        folder: Where relative paths start.
    """
    scheme, separator, rest = path.partition("://")
    if separator and scheme != "file":
        base, _ = _split_remote_glob(rest)
        return f"{scheme}://{base}"
    local = "/" + rest.lstrip("/") if separator else path
    target = folder / Path(local).expanduser()
    return str(target if target.exists() else _split_glob(target)[0])


# --- local --------------------------------------------------------------------------------------
def _find_local(path: str, source: str, folder: Path, roots: Sequence[str]) -> Place:
    target = folder / Path(path).expanduser()
    base, pattern = (target, "") if target.exists() else _split_glob(target)
    _require_allowed(base, roots, path)
    if pattern:
        found = sorted(p for p in base.glob(pattern) if p.is_file() and _wanted(p, base, None))
    elif base.is_dir():
        suffixes = SUFFIXES[source]
        found = sorted(p for p in base.rglob("*") if p.is_file() and _wanted(p, base, suffixes))
    elif base.is_file():
        return Place([DataFile(str(base), path)], path, may_be_empty=False)
    else:
        raise DatasetMissing(f"{path}: no such file or folder", "check the path")
    for file in found:
        _require_allowed(file, roots, path)
    return Place([_local_file(file, base) for file in found], path, may_be_empty=True)


def _local_file(file: Path, base: Path) -> DataFile:
    inside = file.relative_to(base)
    return DataFile(str(file), str(file), partition_of(inside.parts[:-1]))


def _split_glob(target: Path) -> tuple[Path, str]:
    """Return the part before the first wildcard, and the pattern from there on."""
    for depth, part in enumerate(target.parts):
        if _WILDCARDS & set(part):
            return Path(*target.parts[:depth]), "/".join(target.parts[depth:])
    return target, ""


def _wanted(file: Path, base: Path, suffixes: tuple[str, ...] | None) -> bool:
    return _is_data(file.relative_to(base).parts, suffixes)


def _is_data(parts: Sequence[str], suffixes: tuple[str, ...] | None) -> bool:
    """Whether a path is data: writers' own files (_SUCCESS, .crc, _temporary/) are not."""
    hidden = any(part.startswith((".", "_")) and "=" not in part for part in parts)
    return not hidden and (suffixes is None or parts[-1].lower().endswith(suffixes))


def _require_allowed(target: Path, roots: Sequence[str], shown: str) -> None:
    if not roots:
        return
    resolved = target.resolve()
    local = [Path(root.removeprefix("file://")).expanduser() for root in roots if _is_local(root)]
    if not any(resolved.is_relative_to(root.resolve()) for root in local):
        raise ForbiddenSource(
            f"path {shown!r} leads outside the folders that data may be read from",
            "add its folder to MONITORING_DATA_ROOTS",
        )


def _is_local(root: str) -> bool:
    return "://" not in root or root.startswith("file://")


# --- object storage -----------------------------------------------------------------------------
def _find_remote(path: str, scheme: str, source: str, roots: Sequence[str]) -> Place:
    allowed = any(_is_under(path, root) for root in roots if not _is_local(root))
    if "::" in path or not (allowed or (not roots and scheme in _OBJECT_STORES)):
        known = ", ".join(sorted(_OBJECT_STORES))
        raise ForbiddenSource(
            f"path {shown_url(path)!r} is not allowed",
            f"use a local folder or {known}; MONITORING_DATA_ROOTS may restrict it further",
        )
    filesystem, inside = _filesystem(path, scheme)
    shown = shown_url(path)
    with storage_errors(shown):
        base, pattern = _split_remote_glob(inside)
        if pattern:
            found, suffixes = filesystem.glob(inside), None
        elif _is_remote_file(filesystem, inside):
            file = DataFile(inside, shown, filesystem=filesystem)
            return Place([file], shown, may_be_empty=False)
        else:
            found, suffixes = filesystem.find(inside), SUFFIXES[source]
    if not found and not pattern and inside.lower().endswith(SUFFIXES[source]):
        raise DatasetMissing(f"{shown}: no such file", "check the path")
    files = [
        DataFile(name, f"{scheme}://{name}", partition_of(parts[:-1]), filesystem)
        for name in sorted(found)
        if (parts := posixpath.relpath(name, base).split("/")) and _is_data(parts, suffixes)
    ]
    return Place(files, shown, may_be_empty=True)


def _is_remote_file(filesystem: AbstractFileSystem, inside: str) -> bool:
    """Whether there is such an object; unlike ``isfile``, a failure is no answer."""
    try:
        return bool(filesystem.info(inside)["type"] == "file")
    except FileNotFoundError:
        return False


def _is_under(path: str, root: str) -> bool:
    return path == root.rstrip("/") or path.startswith(root.rstrip("/") + "/")


def shown_url(path: str) -> str:
    """Return a URL that may be shown: no credentials, no query."""
    parts = urlsplit(path)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _filesystem(path: str, scheme: str) -> tuple[AbstractFileSystem, str]:
    from fsspec.core import url_to_fs

    try:
        with storage_errors(shown_url(path)):
            filesystem, inside = url_to_fs(path)
    except ImportError as exc:
        package = _EXTRAS.get(scheme, "adlfs")
        raise MissingDependency(
            f"reading {scheme}:// needs the package {package}", f"install {package}"
        ) from exc
    filesystem.invalidate_cache()  # a listing of yesterday would hide the files of today
    return filesystem, str(inside).rstrip("/")


def _split_remote_glob(path: str) -> tuple[str, str]:
    parts = path.split("/")
    for depth, part in enumerate(parts):
        if _WILDCARDS & set(part):
            return "/".join(parts[:depth]), "/".join(parts[depth:])
    return path, ""


@contextmanager
def storage_errors(shown: str) -> Iterator[None]:
    """Translate what object storage and the operating system raise into our errors."""
    try:
        yield
    except FileNotFoundError as exc:
        raise DatasetMissing(f"{shown}: no such file or bucket", "check the path") from exc
    except PermissionError as exc:
        raise UnreadableDataset(
            f"{shown}: access is denied", "check the credentials and their permissions"
        ) from exc
    except (OSError, TimeoutError) as exc:
        raise SourceUnavailable(f"{shown}: {_reason(exc)}", "try again later") from exc
    except Exception as exc:
        if not _is_of_a_client(exc):
            raise
        if "credentials" in type(exc).__name__.lower():
            raise UnreadableDataset(
                f"{shown}: no credentials for the object storage", "configure them"
            ) from exc
        raise SourceUnavailable(f"{shown}: {type(exc).__name__}", "try again later") from exc


def _reason(exc: OSError) -> str:
    return f"{type(exc).__name__} while reading"


def _is_of_a_client(exc: Any) -> bool:
    """Whether an exception comes from the client library of an object storage."""
    home = type(exc).__module__.partition(".")[0]
    return home in {"botocore", "aiobotocore", "aiohttp", "gcsfs", "adlfs", "azure", "google"}
