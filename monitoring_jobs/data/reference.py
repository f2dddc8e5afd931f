"""Statistics of references on disk: computed once, shared by windows and workers."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from monitoring_jobs.statistics import ColumnStatistics
from monitoring_jobs.statistics.categorical import CategoricalColumn
from monitoring_jobs.statistics.numeric import NumericColumn
from monitoring_jobs.whole_file import whole_file

log = logging.getLogger(__name__)

# Raise it when a column is normalised or summarized differently: old entries are then never found.
VERSION = 5
_SUFFIX = ".stats"
_MAGIC = b"monitoring-stats\n"
_ALIGNMENT = 64
_CHECKED = 4096  # bytes of a block
_LENGTHS = " lengths"
_KINDS: Mapping[str, type[NumericColumn | CategoricalColumn]] = {
    "numerical": NumericColumn,
    "categorical": CategoricalColumn,
}


class _Corrupt(Exception):
    """An entry that cannot be what was written."""


class ReferenceCache:
    """Statistics of reference columns in files that are named by what they were computed from.

    Any number of processes may use one folder: an entry appears whole by a rename, is never
    changed, and may be removed while others still have it mapped. An entry that was damaged is
    computed anew. A cache that cannot be written costs time and nothing else.

    Args:
        folder: Where the entries lie; created when the first is written.
        max_bytes: Entries that were not used for longest are removed beyond this size; 0 keeps
            nothing.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder, self._max_bytes = folder / "references", max_bytes
        self._lock = threading.Lock()
        self._unmeasured = max_bytes  # so that the first write looks what is there already

    def get(
        self,
        reference_id: str,
        column: str,
        kind: str,
        segments: Sequence[str],
        compute: Callable[[], Sequence[ColumnStatistics]],
    ) -> Sequence[ColumnStatistics]:
        """Return the statistics of a reference column, computing them where they are not kept.

        Args:
            reference_id: Content hash of the reference.
            column: Name of the column.
            kind: ``numerical`` or ``categorical``: what it was read as.
            segments: Names of segments that are kept together; the empty one is that of all rows.
            compute: Called where there is no sound entry; returns those of each segment in order.
        """
        if self._max_bytes <= 0:
            return compute()
        path = self._path(reference_id, column, kind, *segments)
        found = self._find(path, column, kind, len(segments))
        if found is None:
            found = compute()
            self._keep(path, found)
        return found

    def _find(
        self, path: Path, column: str, kind: str, count: int
    ) -> Sequence[ColumnStatistics] | None:
        try:
            found = [_KINDS[kind].from_arrays(part) for part in _unpack(_load(path), count)]
        except FileNotFoundError:
            return None
        except (_Corrupt, OSError, ValueError, KeyError, TypeError, IndexError) as exc:
            log.warning(
                "a cached reference of column %r cannot be used (%s); it is computed again",
                column,
                type(exc).__name__,
                extra={"action": "cache_entry_refused"},
            )
            return None
        _touch(path)
        return found

    def _path(self, *key: str) -> Path:
        text = json.dumps([VERSION, np.dtype(np.float64).str, *key])
        name = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()
        return self._folder / name[:2] / (name + _SUFFIX)

    def _keep(self, path: Path, found: Sequence[ColumnStatistics]) -> None:
        try:
            written = _store(path, _pack([statistics.to_arrays() for statistics in found]))
        except (OSError, ValueError) as exc:
            log.warning(
                "reference statistics cannot be cached in %s (%s)",
                self._folder,
                type(exc).__name__,
                extra={"action": "cache_not_written"},
            )
            return
        with self._lock:
            self._unmeasured += written
            if self._unmeasured <= self._max_bytes // 20:
                return
            self._unmeasured = 0
            try:
                self._evict()
            except OSError as exc:
                log.warning(
                    "the cache %s cannot be kept under its size (%s)",
                    self._folder,
                    type(exc).__name__,
                    extra={"action": "cache_not_evicted"},
                )

    def _evict(self) -> None:
        """Remove the entries that were not used for longest until the rest fits with some room."""
        entries = sorted(_entries(self._folder))
        total = sum(size for _, size, _ in entries)
        limit = self._max_bytes if total <= self._max_bytes else int(self._max_bytes * 0.9)
        for _, size, path in entries:
            if total <= limit:
                return
            Path(path).unlink(missing_ok=True)
            total -= size


def _entries(folder: Path) -> Iterator[tuple[float, int, str]]:
    """Yield when an entry was last used, its size and its path."""
    for shelf in folder.glob("*/"):
        with os.scandir(shelf) as found:  # ten thousand entries are listed in an instant
            for entry in found:
                with suppress(OSError):  # another worker was faster
                    status = entry.stat()
                    yield status.st_mtime, status.st_size, entry.path


def _touch(path: Path) -> None:
    try:
        os.utime(path)
    except OSError:  # removed meanwhile, or a folder that may only be read
        return


# --- one entry ----------------------------------------------------------------------------------
def _pack(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Lay arrays of one name end to end, so that an entry has few of them for many segments."""
    arrays: dict[str, np.ndarray] = {}
    for name in parts[0]:
        own = [part[name] for part in parts]
        arrays[name] = own[0] if len(own) == 1 else np.concatenate(own)
        arrays[name + _LENGTHS] = np.array([values.size for values in own], dtype=np.int64)
    return arrays


def _unpack(arrays: Mapping[str, np.ndarray], count: int) -> list[dict[str, np.ndarray]]:
    """Return what was packed; views, no copies."""
    parts: list[dict[str, np.ndarray]] = [{} for _ in range(count)]
    for name in filter(lambda name: not name.endswith(_LENGTHS), arrays):
        ends = np.cumsum(arrays[name + _LENGTHS])
        for part, values in zip(parts, np.split(arrays[name], ends[:-1]), strict=True):
            part[name] = values
    return parts


def _store(path: Path, arrays: Mapping[str, np.ndarray]) -> int:
    """Write arrays beside each other so that they can be mapped; return the bytes written.

    Layout: magic, one line of JSON (name, dtype, shape, offset, checksum), then aligned arrays.

    Raises:
        ValueError: An array holds Python objects.
        OSError: The disk is full or may not be written.
    """
    parts, directory, offset = [], [], 0
    for name, values in arrays.items():
        if values.dtype.hasobject:
            raise ValueError(f"{name} holds Python objects")
        data = np.ascontiguousarray(values).reshape(values.shape)
        directory.append([name, data.dtype.str, data.shape, offset, _checksum(data)])
        parts.append((offset, data))
        offset = -(-(offset + data.nbytes) // _ALIGNMENT) * _ALIGNMENT
    line = _MAGIC + json.dumps([directory, offset]).encode()
    line += b" " * (-(len(line) + 1) % _ALIGNMENT) + b"\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path, private=True, lasting=False) as file:
        file.write(line)
        for start, data in parts:
            file.seek(len(line) + start)
            file.write(_bytes(data))
        file.truncate(len(line) + offset)
    return len(line) + offset


def _bytes(data: np.ndarray) -> memoryview:
    flat: Any = np.asarray(data).reshape(-1).view(np.uint8)
    return memoryview(flat)


def _checksum(data: np.ndarray) -> list[int]:
    """Return a checksum after Fletcher: two sums, one of which knows the order of the blocks.

    At the speed of memory, where CRC would take longer than all else about a cached reference.
    """
    flat = np.asarray(data).reshape(-1).view(np.uint8)
    whole = flat.size - flat.size % _CHECKED
    last = np.zeros(_CHECKED, np.uint8)
    last[: flat.size - whole] = flat[whole:]
    blocks = flat[:whole].view(np.uint64).reshape(-1, _CHECKED // 8)
    sums = np.append(blocks.sum(axis=1), last.view(np.uint64).sum())
    places = np.arange(1, sums.size + 1, dtype=np.uint64)
    return [flat.size, int(sums.sum()), int((sums * places).sum())]


def _load(path: Path) -> dict[str, np.ndarray]:
    """Map the arrays of an entry, read-only.

    Raises:
        FileNotFoundError: There is no such entry.
        _Corrupt: It is not what was written.
    """
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise _Corrupt
        directory, size = json.loads(file.readline())
        start = file.tell()
        if os.fstat(file.fileno()).st_size != start + size:
            raise _Corrupt
        mapped = np.memmap(file, dtype=np.uint8, mode="r") if size else np.empty(start, np.uint8)
    arrays: dict[str, np.ndarray] = {}
    for name, dtype, shape, offset, checksum in directory:
        kind = np.dtype(dtype)
        length = kind.itemsize * int(np.prod(shape, dtype=np.int64))
        raw = mapped[start + offset : start + offset + length]
        if kind.hasobject or _checksum(raw) != checksum:
            raise _Corrupt
        arrays[name] = np.asarray(raw).view(kind).reshape(shape)
    return arrays
