"""A categorical column, reduced to its labels and how often each occurs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from monitoring_jobs.statistics.buffers import to_mask, to_numpy, to_strings

Integers = NDArray[np.int64]

_NO_CODES = np.zeros(0, dtype=np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class CategoricalColumn:
    """Everything that the checks ask of a categorical column, counted once.

    Attributes:
        rows: All rows, the missing ones included.
        missing: Rows that are null.
        labels: The different labels, ascending by code point (large_string). They stay in arrow,
            because numpy pads every string to the longest one.
        counts: How often each label occurs, at least once; int64, as long as ``labels``.
    """

    rows: int
    missing: int
    labels: pa.LargeStringArray
    counts: Integers

    @classmethod
    def from_arrow(cls, values: pa.Array | pa.ChunkedArray) -> CategoricalColumn:
        """Count an arrow column of strings, dictionary-encoded or plain; nulls are missing."""
        return EncodedLabels(values).count()

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return plain arrays (no pickles) from which ``from_arrays`` builds the same column."""
        labels = self.labels if self.labels.offset == 0 else pa.concat_arrays([self.labels])
        _, offsets, text = labels.buffers()
        return {
            "rows": np.array([self.rows, self.missing], dtype=np.int64),
            "counts": self.counts,
            "offsets": np.frombuffer(offsets, dtype=np.int64)[: len(labels) + 1],
            "text": np.frombuffer(text or b"", dtype=np.uint8),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Build from what ``to_arrays`` gave; the arrays are used as they are, never copied."""
        rows, missing = (int(count) for count in arrays["rows"])
        offsets, text = (pa.py_buffer(np.asarray(arrays[name])) for name in ("offsets", "text"))
        labels = pa.LargeStringArray.from_buffers(arrays["counts"].size, offsets, text)
        return cls(rows=rows, missing=missing, labels=labels, counts=arrays["counts"])

    @property
    def n(self) -> int:
        """How many rows hold a label."""
        return self.rows - self.missing

    @property
    def distinct(self) -> int:
        """How many different labels there are."""
        return len(self.labels)

    def count(self, label: str) -> int:
        """Return how many rows hold a label."""
        place = int(positions_in(self.labels, to_strings([label]))[0])
        return int(self.counts[place]) if place >= 0 else 0

    def count_unseen(self, reference: CategoricalColumn) -> tuple[int, int]:
        """Return how many of the labels, and how many of the rows, the reference does not know."""
        unseen = positions_in(reference.labels, self.labels) < 0
        return int(np.count_nonzero(unseen)), int(self.counts[unseen].sum())


def positions_in(known: pa.Array, labels: pa.Array) -> Integers:
    """Return where each of ``labels`` stands among ``known``; -1 where it does not."""
    found = pc.index_in(labels, value_set=known)
    return to_numpy(found, null=-1).astype(np.int64)


def align(reference: CategoricalColumn, current: CategoricalColumn) -> tuple[Integers, Integers]:
    """Count both columns over the labels of either: the reference's, then those it lacks."""
    positions = positions_in(reference.labels, current.labels)
    unseen = positions < 0
    positions[unseen] = np.arange(np.count_nonzero(unseen)) + reference.distinct
    counts = np.zeros(reference.distinct + int(np.count_nonzero(unseen)), dtype=np.int64)
    counts[positions] = current.counts
    padding = np.zeros(counts.size - reference.distinct, dtype=np.int64)
    return np.concatenate((reference.counts, padding)), counts


def smallest(labels: pa.Array) -> str:
    """Return the label that sorts first, as a number if every label is one, else as text."""
    numbers = as_numbers(labels)
    if numbers is None:
        return str(pc.min(labels).as_py())
    return str(pc.min(labels.filter(to_mask(numbers == numbers.min()))).as_py())


def as_numbers(labels: pa.Array) -> NDArray[np.float64] | None:
    """Return what the labels mean as numbers; None unless every one is a finite number.

    A column of integers reaches us as text, where 10 sorts before 9; whoever asks for the smaller
    or the greater label means the number.
    """
    try:
        numbers: NDArray[np.float64] = to_numpy(labels.cast(pa.float64()), null=np.nan)
    except pa.ArrowInvalid:
        return None
    return numbers if numbers.size and np.isfinite(numbers).all() else None


def count_duplicates(values: pa.Array | pa.ChunkedArray) -> tuple[int, int]:
    """Count repeated ids.

    Args:
        values: A column of any type that can be compared, dictionary-encoded or plain.

    Returns:
        The rows that hold an id, and those among them whose id stood in an earlier row.
    """
    if pa.types.is_dictionary(values.type):
        return EncodedLabels(values).count_duplicates()
    present = len(values) - values.null_count
    return present, present - pc.count_distinct(values, mode="only_valid").as_py()


class EncodedLabels:
    """The rows of a column as numbers into its labels, so that counting touches no text.

    Args:
        values: Strings, dictionary-encoded or plain. A dictionary may list a label twice, list
            labels that do not occur, and hold a null.
    """

    def __init__(self, values: pa.Array | pa.ChunkedArray) -> None:
        whole = pa.chunked_array([values]) if isinstance(values, pa.Array) else values
        if not pa.types.is_dictionary(whole.type):
            whole = whole.dictionary_encode()
        # A dictionary that all chunks share is recognized at once, and unified but slowly.
        if not all(c.dictionary.equals(whole.chunk(0).dictionary) for c in whole.chunks[1:]):
            whole = whole.unify_dictionaries()
        self._indices: list[pa.Array] = [chunk.indices for chunk in whole.chunks]
        self._dictionary = pa.nulls(0, pa.large_string())
        if whole.num_chunks:
            self._dictionary = whole.chunk(0).dictionary.cast(pa.large_string())

    @cached_property
    def _labels(self) -> pa.LargeStringArray:
        """The different labels of the dictionary, ascending."""
        labels = pc.unique(self._dictionary).drop_null()
        return labels.take(pc.sort_indices(labels))

    @cached_property
    def _places(self) -> Integers:
        """Where each entry of the dictionary stands among the labels; -1 of a null."""
        return positions_in(self._labels, self._dictionary)

    def codes(self) -> NDArray[np.int32]:
        """Return each row's place in the dictionary; -1 where the row is null."""
        parts = [to_numpy(indices, null=-1) for indices in self._indices]
        return np.concatenate(parts).astype(np.int32, copy=False) if parts else _NO_CODES

    def positions_in(self, known: Sequence[str]) -> Integers:
        """Return where each row's label stands among ``known``; -1 where it does not."""
        places = positions_in(to_strings(known), self._dictionary)
        return np.append(places, -1)[self.codes()]

    def count(self) -> CategoricalColumn:
        """Return the column of all rows."""
        return self._column(sum(map(len, self._indices)), self._occurrences())

    def count_duplicates(self) -> tuple[int, int]:
        """Return how many rows hold a label, and how many of them one that stood before."""
        if self._lists_twice:
            column = self.count()
            return column.n, column.n - column.distinct
        # A million ids need neither be sorted nor looked up.
        occurrences = self._occurrences()
        if self._dictionary.null_count:
            occurrences = occurrences[self._places >= 0]
        present = int(occurrences.sum())
        return present, present - int(np.count_nonzero(occurrences))

    def distinct_codes(self) -> NDArray[np.int32]:
        """Return numbers that are the same for rows of the same label; -1 where there is none."""
        codes = self.codes()
        if not self._lists_twice and not self._dictionary.null_count:
            return codes
        return np.append(self._places, -1).astype(np.int32)[codes]

    @cached_property
    def _lists_twice(self) -> bool:
        """Whether the dictionary lists a label twice, so that rows of one label differ in code."""
        distinct: int = pc.count_distinct(self._dictionary, mode="all").as_py()
        return distinct < len(self._dictionary)

    def _occurrences(self) -> Integers:
        """Return how often each entry of the dictionary occurs."""
        occurrences = np.zeros(len(self._dictionary), dtype=np.int64)
        for indices in self._indices:
            codes = to_numpy(indices.drop_null() if indices.null_count else indices, null=-1)
            occurrences += np.bincount(codes, minlength=occurrences.size)
        return occurrences

    def count_rows(self, codes: NDArray[np.int32]) -> CategoricalColumn:
        """Return the column of some rows, given their ``codes``."""
        occurrences = np.bincount(codes + 1, minlength=len(self._dictionary) + 1)[1:]
        return self._column(codes.size, occurrences)

    def _column(self, rows: int, occurrences: Integers) -> CategoricalColumn:
        counts = np.zeros(len(self._labels), dtype=np.int64)
        named = self._places >= 0
        np.add.at(counts, self._places[named], occurrences[named])
        used = counts > 0
        labels = self._labels if used.all() else self._labels.filter(to_mask(used))
        return CategoricalColumn(
            rows=rows, missing=rows - int(counts.sum()), labels=labels, counts=counts[used]
        )
