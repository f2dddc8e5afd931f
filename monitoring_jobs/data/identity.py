"""Content hashes: the same content has the same id on any machine."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from monitoring_jobs.data.dataset import ColumnKind
from monitoring_jobs.data.files import DataFile, storage_errors
from monitoring_jobs.data.normalisation import kind_of, normalise
from monitoring_jobs.statistics.buffers import to_numpy

DIGITS = 32
# A file may be written twice within one tick of its file system's clock; then it looks unchanged.
SETTLED_SECONDS = 2.0
_PIECE = 16 * 2**20
_READ = 2**20
# Odd constants of splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators).
_GOLDEN, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_ABSENT = 0xD6E8FEB86659FD93


def hash_files(files: Sequence[DataFile], *, read_as: Sequence[str] = (), threads: int = 1) -> str:
    """Return the hash of the files' bytes and of what their partitions say; names do not count.

    The files are local. SHA-256 over the digests of pieces, as today's processors have instructions
    for it, which makes it the fastest of the standard library, and as pieces need not wait for each
    other.

    Args:
        files: What is hashed, in an order that does not change.
        read_as: Columns that are read otherwise than the bytes alone say; they count.
        threads: How many pieces are read at once; the hash is the same for any number.

    Raises:
        DatasetMissing: A file is gone.
        SourceUnavailable: One cannot be read.
    """
    sizes = [_size(file) for file in files]
    pieces = [
        (file, start)
        for file, size in zip(files, sizes, strict=True)
        for start in range(0, size, _PIECE)
    ]
    told = [(size, dict(file.partition)) for file, size in zip(files, sizes, strict=True)]
    whole = hashlib.sha256(json.dumps([told, list(read_as)], sort_keys=True).encode())
    with ThreadPoolExecutor(threads) as pool:
        for digest in pool.map(lambda piece: _digest(*piece), pieces):
            whole.update(digest)
    return whole.hexdigest()[:DIGITS]


def _size(file: DataFile) -> int:
    with storage_errors(file.shown):
        return Path(file.path).stat().st_size


def _digest(file: DataFile, start: int) -> bytes:
    digest, left = hashlib.sha256(), _PIECE
    with storage_errors(file.shown), Path(file.path).open("rb", buffering=0) as handle:
        handle.seek(start)
        while left and (data := handle.read(min(left, _READ))):
            digest.update(data)
            left -= len(data)
    return digest.digest()


def fingerprint(files: Sequence[DataFile]) -> str | None:
    """Return a hash of what the storage tells of files without reading them.

    It costs next to nothing and changes with every change of a file. Of local files these are name,
    size, inode and the times of the last change, one of which nobody can set back. None where the
    storage tells too little, or a file is so young that it may change again within the same tick of
    the clock.

    Raises:
        DatasetMissing: A file is gone.
        SourceUnavailable: The object storage does not answer.
    """
    told: list[Any] = []
    for file in files:
        with storage_errors(file.shown):
            found = _told_locally(file.path) if file.filesystem is None else _told_remotely(file)
        if found is None:
            return None
        told.append([file.shown, dict(file.partition), found])
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:DIGITS]


def _told_locally(path: str) -> list[Any] | None:
    found = Path(path).stat()
    if time.time() - max(found.st_mtime, found.st_ctime) < SETTLED_SECONDS:
        return None
    return [path, found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns]


def _told_remotely(file: DataFile) -> list[Any] | None:
    versions = file.versions()
    return [file.path, versions] if versions else None


class RowHash:
    """Hash of rows whatever their order and however they are cut into pieces.

    Each row is hashed over its columns and the rows' hashes are added up, because a database gives
    the same rows in another order tomorrow. Columns that no check can read do not count.
    """

    def __init__(self) -> None:
        self._rows = 0
        self._sums = [0, 0]
        self._names: set[str] = set()

    def add(self, rows: int, columns: Iterable[tuple[str, pa.Array]]) -> None:
        """Add one piece: its row count and its columns, which are taken one at a time."""
        hashes = np.zeros(rows, dtype=np.uint64)
        for name, values in columns:
            numbers = _numbers_of(values)
            if numbers is None:
                continue
            self._names.add(name)
            salt = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            numbers ^= np.frombuffer(salt, dtype=np.uint64)
            hashes += _mix(numbers)
        self._rows += rows
        for number, summands in enumerate((hashes, _mix(hashes))):
            self._sums[number] = (self._sums[number] + int(summands.sum(dtype=np.uint64))) % 2**64

    def hexdigest(self) -> str:
        """Return the hash of all rows so far."""
        content = [self._rows, sorted(self._names), self._sums]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:DIGITS]


def _numbers_of(values: pa.Array) -> np.ndarray | None:
    """Return 64 bits for each value, equal for equal values; None for what has none."""
    kind = kind_of(values.type)
    if kind is ColumnKind.DATETIME:
        if isinstance(values.type, pa.DictionaryType):
            values = values.dictionary_decode()
        unit = getattr(values.type, "tz", None)
        return _of_integers(values.cast(pa.timestamp("us", unit), safe=False).cast(pa.int64()))
    if kind is ColumnKind.NUMERICAL and pa.types.is_integer(values.type):
        return _of_integers(values)
    if kind is ColumnKind.NUMERICAL:
        return _of_floats(normalise(values, kind))
    if kind is ColumnKind.CATEGORICAL:
        return _of_labels(normalise(values, kind))
    return np.full(len(values), _ABSENT, np.uint64) if kind is ColumnKind.EMPTY else None


def _of_integers(values: pa.Array) -> np.ndarray:
    floats = _of_floats(values.cast(pa.float64(), safe=False))
    if pa.types.is_uint64(values.type) or values.type.bit_width < 64:
        return floats
    # Beyond 2**53 neighbors share a float; below it nothing is added, so that 3 hashes as 3.0.
    exact = to_numpy(values, null=0)
    large = np.abs(exact) > 2**53
    if large.any():
        floats[large] = _mix(exact[large].view(np.uint64))
    return floats


def _of_floats(values: pa.Array) -> np.ndarray:
    numbers = to_numpy(values, null=np.nan)
    bits: np.ndarray = (numbers + 0.0).view(np.uint64)  # -0.0 becomes 0.0
    bits[np.isnan(numbers)] = _ABSENT
    return bits


def _of_labels(values: pa.DictionaryArray) -> np.ndarray:
    digests = b"".join(
        hashlib.blake2b(label.encode(), digest_size=8).digest()
        for label in values.dictionary.to_pylist()
    )
    table: np.ndarray = np.append(np.frombuffer(digests, dtype=np.uint64), np.uint64(_ABSENT))
    found: np.ndarray = table[to_numpy(values.indices, null=-1)]
    return found


def _mix(bits: np.ndarray) -> np.ndarray:
    """Return splitmix64's output for each of the 64-bit numbers."""
    mixed = bits + np.uint64(_GOLDEN)
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(_FIRST)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(_SECOND)
    mixed ^= mixed >> np.uint64(31)
    return mixed
