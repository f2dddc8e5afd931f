"""References of files that were opened before: known without being read, until a column is asked.

What a file of a reference is, its rows, its columns and its content's hash, is kept beside the
statistics of its columns. While the storage says that the file is unchanged, a window under test is
compared with what is kept, and the reference itself stays closed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from monitoring_jobs.data.dataset import LEFT_OUT, ColumnKind, Dataset
from monitoring_jobs.errors import SourceUnavailable
from monitoring_jobs.whole_file import whole_file

log = logging.getLogger(__name__)

# Raise it when files are hashed, read or described differently: old entries are then never found.
VERSION = 2


@dataclass(frozen=True, slots=True)
class _Description:
    """What is kept of a dataset."""

    identity: str
    rows: int
    columns: Mapping[str, ColumnKind]
    sizes: Mapping[str, int]
    partition_columns: frozenset[str]

    @classmethod
    def of(cls, dataset: Dataset) -> _Description:
        columns = dataset.columns
        sizes = {name: dataset.size(name) for name in columns}
        return cls(dataset.identity, dataset.rows, columns, sizes, dataset.partition_columns)

    def to_json(self) -> str:
        columns = [[name, str(kind), self.sizes[name]] for name, kind in self.columns.items()]
        return json.dumps([self.identity, self.rows, columns, sorted(self.partition_columns)])

    @classmethod
    def from_json(cls, text: str) -> _Description:
        """Read what ``to_json`` wrote.

        Raises:
            ValueError, TypeError: It is something else.
        """
        identity, rows, columns, partition_columns = json.loads(text)
        if not (isinstance(identity, str) and isinstance(rows, int)):
            raise TypeError("not a description")
        kinds = {str(name): ColumnKind(kind) for name, kind, _ in columns}
        sizes = {str(name): int(size) for name, _, size in columns}
        return cls(identity, rows, kinds, sizes, frozenset(map(str, partition_columns)))


def open_remembered(
    folder: Path,
    said: Sequence[Any],
    fingerprint: Callable[[], str | None],
    open_dataset: Callable[[], Dataset],
) -> Dataset:
    """Return a dataset that reads its files only if it must.

    Args:
        folder: The cache; what is kept lies among the statistics and leaves with them.
        said: What else decides how the files are read, as JSON can hold it.
        fingerprint: Returns what the storage tells of the files; None where that cannot be relied
            on, and nothing is kept.
        open_dataset: Opens the files.

    Raises:
        MonitoringError: Whatever ``fingerprint`` and ``open_dataset`` raise.
    """
    told = fingerprint()
    if told is None:
        return open_dataset()
    key = hashlib.blake2b(json.dumps([VERSION, told, *said]).encode(), digest_size=20).hexdigest()
    path = folder / "references" / key[:2] / f"{key}.json"
    known = _find(path)
    if known is not None:
        return _RememberedDataset(known, told, fingerprint, open_dataset)
    dataset = open_dataset()
    try:
        description = _Description.of(dataset)
        if fingerprint() == told:  # or else it is not known what was hashed
            _keep(path, description)
    except BaseException:
        dataset.close()
        raise
    return dataset


class _RememberedDataset:
    """A dataset whose description is known; the files are opened when a column is asked for."""

    def __init__(
        self,
        known: _Description,
        told: str,
        fingerprint: Callable[[], str | None],
        open_dataset: Callable[[], Dataset],
    ) -> None:
        self._known, self._told = known, told
        self._fingerprint, self._open = fingerprint, open_dataset
        self._lock = threading.Lock()
        self._dataset: Dataset | None = None

    @property
    def columns(self) -> Mapping[str, ColumnKind]:
        return self._known.columns

    @property
    def partition_columns(self) -> frozenset[str]:
        return self._known.partition_columns

    @property
    def rows(self) -> int:
        return self._known.rows

    @property
    def left_out(self) -> Mapping[str, int]:
        return dict.fromkeys(LEFT_OUT, 0)  # all of a reference's rows are meant

    @property
    def identity(self) -> str:
        return self._known.identity

    @property
    def marks(self) -> Sequence[Any]:
        return self._opened().marks

    def size(self, name: str) -> int:
        return self._known.sizes.get(name, 0)

    def read(self, name: str, kind: ColumnKind) -> pa.ChunkedArray:
        return self._opened().read(name, kind)

    def sample(self, names: Sequence[str], rows: int, seed: int) -> pa.Table:
        return self._opened().sample(names, rows, seed)

    def _opened(self) -> Dataset:
        with self._lock:
            if self._dataset is None:
                dataset = self._open()
                if self._fingerprint() != self._told:
                    dataset.close()
                    raise SourceUnavailable(
                        "the files of the reference changed while they were read", "try again"
                    )
                self._dataset = dataset
            return self._dataset

    def close(self) -> None:
        if self._dataset is not None:
            self._dataset.close()
            self._dataset = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _find(path: Path) -> _Description | None:
    try:
        found = _Description.from_json(path.read_text(encoding="utf-8"))
        os.utime(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as exc:
        log.warning(
            "what is kept of a reference cannot be used (%s); it is read again",
            type(exc).__name__,
            extra={"action": "cache_entry_refused"},
        )
        return None
    return found


def _keep(path: Path, description: _Description) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path, private=True, lasting=False) as file:
            file.write(description.to_json().encode("ascii"))
    except OSError as exc:
        log.warning(
            "a reference cannot be kept in %s (%s)",
            path.parents[1],
            type(exc).__name__,
            extra={"action": "cache_not_written"},
        )
