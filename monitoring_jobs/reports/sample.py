"""The rows that a report draws, cleaned so that no column can break the page."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from monitoring_jobs.reports.markup import inert, inert_names
from monitoring_jobs.statistics.buffers import to_numpy, to_strings

Kind = Literal["num", "cat"]

TOP_CATEGORIES = 20
OTHER = "(other)"

_BATCH = 16  # columns that are in memory at a time


class Rows(Protocol):
    """Rows whose columns are read when they are wanted; a table is one such."""

    @property
    def num_rows(self) -> int:
        """How many rows there are."""

    @property
    def column_names(self) -> list[str]:
        """Every column; a name may occur twice."""

    def select(self, columns: list[str]) -> pa.Table:
        """Return all rows of some columns."""


class Sampled(Protocol):
    """What rows can be drawn from: a dataset of ``data/``."""

    @property
    def columns(self) -> Mapping[str, Any]:
        """Every column and its kind."""

    @property
    def rows(self) -> int:
        """How many rows there are to draw from."""

    def sample(self, names: Sequence[str], rows: int, seed: int) -> pa.Table:
        """Return at most ``rows`` rows: the same ones for the same seed."""


@dataclass(frozen=True, slots=True)
class DrawnRows:
    """At most ``most`` rows of a dataset: the same ones whichever columns are asked for.

    Nothing is kept, so that a wide dataset takes no more memory than a narrow one.
    """

    dataset: Sampled
    most: int
    seed: int

    @property
    def num_rows(self) -> int:
        """How many rows are drawn."""
        return min(self.most, self.dataset.rows)

    @property
    def column_names(self) -> list[str]:
        """Every column of the dataset."""
        return list(self.dataset.columns)

    def select(self, columns: list[str]) -> pa.Table:
        """Return the rows of some columns."""
        return self.dataset.sample(columns, self.most, self.seed)


@dataclass(frozen=True, slots=True)
class SampledColumn:
    """One column of both samples.

    Attributes:
        name: Its name in the data.
        title: A name that is safe to show.
        kind: ``num``: float64 without infinities, NaN where missing; ``cat``: positions in
            ``labels``, -1 where missing.
        current: Values of the window.
        reference: Values of the reference.
        labels: What is shown of a category: the most frequent labels and one for the others.
    """

    name: str
    title: str
    kind: Kind
    current: np.ndarray
    reference: np.ndarray
    labels: tuple[str, ...] = ()

    def present_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Return for the rows of the window and of the reference whether they hold a value."""
        if self.kind == "num":
            return ~np.isnan(self.current), ~np.isnan(self.reference)
        return self.current >= 0, self.reference >= 0

    def present(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the values of the window and of the reference that are not missing."""
        rows = self.present_rows()
        return self.current[rows[0]], self.reference[rows[1]]

    def shown(self) -> tuple[np.ndarray, np.ndarray]:
        """Return both sides as they are shown: floats, or labels with None where missing."""
        if self.kind == "num":
            return self.current, self.reference
        texts = np.array([*self.labels, None], dtype=object)  # -1 is the last one
        return texts[self.current], texts[self.reference]


def wanted_columns(
    numerical: Sequence[str], categorical: Sequence[str], others: Sequence[str] = ()
) -> dict[str, Kind | None]:
    """Return how each column is to be read; None leaves it to its type."""
    wanted: dict[str, Kind | None] = dict.fromkeys(numerical, "num")
    wanted |= dict.fromkeys(categorical, "cat")
    return wanted | {name: None for name in others if name not in wanted}


def read_columns(
    current: Rows,
    reference: Rows,
    wanted: Mapping[str, Kind | None],
    left_out: dict[str, str],
    *,
    top: int = TOP_CATEGORIES,
) -> Iterator[SampledColumn]:
    """Yield the columns that both samples hold, cleaned, a few in memory at a time.

    Args:
        current: Sample of the window.
        reference: Sample of the reference.
        wanted: How each column is to be read, see ``wanted_columns``.
        left_out: Is told the columns that cannot be shown, and why.
        top: How many labels of a column are kept; the rest become one.
    """
    titles = inert_names(wanted)
    held = [name for name in wanted if _is_held(name, current, reference, left_out)]
    for first in range(0, len(held), _BATCH):
        batch = held[first : first + _BATCH]
        tables = current.select(batch), reference.select(batch)
        for name in batch:
            sides = tables[0].column(name), tables[1].column(name)
            try:
                kind = wanted[name] or _kind(sides[1].type)
                yield _clean(name, titles[name], kind, top, *sides)
            except (ValueError, pa.ArrowException) as exc:
                left_out[name] = str(exc) if type(exc) is ValueError else "cannot be read"


def _is_held(name: str, current: Rows, reference: Rows, left_out: dict[str, str]) -> bool:
    counts = [side.column_names.count(name) for side in (current, reference)]
    if counts != [1, 1]:
        left_out[name] = "occurs twice" if max(counts) > 1 else "not in both samples"
    return counts == [1, 1]


def _kind(data_type: pa.DataType) -> Kind:
    if pat.is_dictionary(data_type):
        data_type = data_type.value_type
    return "num" if _is_number(data_type) else "cat"


def _is_number(data_type: pa.DataType) -> bool:
    return bool(
        pat.is_integer(data_type) or pat.is_floating(data_type) or pat.is_decimal(data_type)
    )


def _clean(
    name: str,
    title: str,
    kind: Kind,
    top: int,
    current: pa.ChunkedArray,
    reference: pa.ChunkedArray,
) -> SampledColumn:
    if kind == "num":
        return SampledColumn(name, title, kind, _numbers(current), _numbers(reference))
    codes, labels = _most_frequent(pa.chunked_array([*_texts(current), *_texts(reference)]), top)
    split = len(current)
    return SampledColumn(name, title, kind, codes[:split], codes[split:], labels)


def _plain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    is_dictionary = pat.is_dictionary(values.type)
    return values.cast(values.type.value_type) if is_dictionary else values


def _numbers(values: pa.ChunkedArray) -> np.ndarray:
    values = _plain(values)
    allowed = _is_number(values.type) or pat.is_boolean(values.type) or pat.is_null(values.type)
    if not allowed:
        raise ValueError(f"holds {values.type}, not numbers")
    if pat.is_boolean(values.type):
        values = values.cast(pa.uint8())
    floats = to_numpy(values.cast(pa.float64(), safe=False), null=np.nan)
    # Squares and histograms are taken of them: the outermost floats would overflow.
    clipped: np.ndarray = np.where(np.isfinite(floats), np.clip(floats, -1e100, 1e100), np.nan)
    return clipped


def _texts(values: pa.ChunkedArray) -> list[pa.Array]:
    """Return labels as text, chunk by chunk."""
    values = _plain(values)
    if pat.is_nested(values.type) or pat.is_binary(values.type):
        raise ValueError(f"holds {values.type}, not categories")
    if pat.is_floating(values.type) or pat.is_decimal(values.type):
        values = _each_distinct(values.cast(pa.float64(), safe=False), _label)
    elif pat.is_boolean(values.type):
        values = _each_distinct(values, str)
    return list(pc.cast(values, pa.string()).chunks)


def _each_distinct(values: pa.ChunkedArray, show: Callable[[Any], str | None]) -> pa.ChunkedArray:
    parts = []
    for chunk in values.chunks:
        encoded = chunk.dictionary_encode()
        texts = to_strings([show(value) for value in encoded.dictionary.to_pylist()])
        parts.append(texts.take(encoded.indices))
    return pa.chunked_array(parts, pa.large_string())


def _label(number: float) -> str | None:
    if np.isnan(number):
        return None
    return str(int(number)) if float(number).is_integer() else repr(number)


def _most_frequent(texts: pa.ChunkedArray, top: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Keep the labels that are most frequent on both sides together, and make them inert.

    Returns:
        For each row the position of its label, -1 where it has none, and the labels.
    """
    encoded = texts.combine_chunks().dictionary_encode()
    found = [str(text) for text in encoded.dictionary.to_pylist()]
    codes = to_numpy(encoded.indices, null=-1)
    counts = np.bincount(codes[codes >= 0], minlength=len(found))
    few = len(found) if len(found) <= top + 1 else top
    kept = heapq.nsmallest(few, range(len(found)), key=lambda at: (-counts[at], found[at]))
    shown = [inert(found[at]) for at in kept]
    if len(set(shown)) < len(shown):
        shown = list(inert_names(found[at] for at in kept).values())
    if few < len(found) and OTHER not in shown:
        shown.append(OTHER)
    places = np.full(len(found) + 1, shown.index(OTHER) if few < len(found) else -1)
    places[kept] = np.arange(len(kept))
    places[-1] = -1  # where a missing one points
    return places[codes], tuple(shown)
