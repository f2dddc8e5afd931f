"""The rows that a report draws, cleaned so that no column can break the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from monitoring_jobs.reports.markup import inert, inert_names

Kind = Literal["num", "cat"]

TOP_CATEGORIES = 20
OTHER = "(other)"

_BINS = 20


@dataclass(frozen=True, slots=True)
class SampledColumn:
    """One column of both samples.

    Attributes:
        name: Its name in the data.
        title: A name that is safe to show.
        kind: ``num``: float64 without infinities; ``cat``: text, the most frequent labels only.
        current: Values of the window; NaN or None where missing.
        reference: Values of the reference.
    """

    name: str
    title: str
    kind: Kind
    current: pd.Series
    reference: pd.Series

    @property
    def is_drawable(self) -> bool:
        """Whether both sides have a value; Evidently refuses columns without one."""
        return bool(self.current.notna().any() and self.reference.notna().any())

    def facts(self) -> list[tuple[str, tuple[str, str]]]:
        """Return what describes the window and the reference, in words and digits."""
        sides = self.current, self.reference
        missing = [(side.isna().sum(), side.isna().mean()) for side in sides]
        facts = [
            ("count", [f"{len(side):,}" for side in sides]),
            ("missing", [f"{count:,} ({share:.1%})" for count, share in missing]),
        ]
        if self.kind == "num":
            for name in ("min", "mean", "max", "std"):
                values = [getattr(side, name)() for side in sides]
                facts.append((name, ["" if np.isnan(v) else f"{v:.6g}" for v in values]))
        else:
            tops = [side.value_counts() for side in sides]
            facts.append(("distinct", [f"{len(top):,}" for top in tops]))
            facts.append(("most common", [f"{top.index[0]}: {top.iloc[0]:,}" for top in tops]))
        return [(label, (values[0], values[1])) for label, values in facts]

    def histogram(self) -> tuple[list[Any], list[int], list[int]]:
        """Return bins, counts of the window and counts of the reference."""
        current, reference = self.current.dropna(), self.reference.dropna()
        both = pd.concat([current, reference])
        if self.kind == "num":
            edges = _edges(float(both.min()), float(both.max()))
            counts = [np.histogram(side, bins=edges)[0].tolist() for side in (current, reference)]
            middles = (edges[:-1] + edges[1:]) / 2
            return [short(middle) for middle in middles], counts[0], counts[1]
        total = both.value_counts()
        labels = sorted(total.index, key=lambda label: (-total[label], label))
        sides = [side.value_counts().reindex(labels, fill_value=0) for side in (current, reference)]
        return labels, sides[0].tolist(), sides[1].tolist()


@dataclass(frozen=True, slots=True)
class Sample:
    """The columns that can be shown, and why others cannot."""

    columns: tuple[SampledColumn, ...]
    left_out: dict[str, str]

    def __iter__(self) -> Iterator[SampledColumn]:
        return iter(self.columns)

    def find(self, name: str | None) -> SampledColumn | None:
        """Return a column by its name in the data."""
        return next((column for column in self.columns if column.name == name), None)


def clean_sample(
    current: pa.Table,
    reference: pa.Table,
    *,
    numerical: Sequence[str],
    categorical: Sequence[str],
    others: Sequence[str] = (),
    top: int = TOP_CATEGORIES,
) -> Sample:
    """Clean the columns that both samples hold.

    Args:
        current: Sample of the window.
        reference: Sample of the reference.
        numerical: Columns to be read as numbers.
        categorical: Columns to be read as labels.
        others: Columns whose type decides, such as prediction and target.
        top: How many labels of a column are kept; the rest become one.
    """
    wanted: dict[str, Kind | None] = dict.fromkeys(numerical, "num")
    wanted |= dict.fromkeys(categorical, "cat")
    wanted |= {name: None for name in others if name not in wanted}
    titles = inert_names(wanted)
    columns: list[SampledColumn] = []
    left_out: dict[str, str] = {}
    for name, kind in wanted.items():
        try:
            sides = [_single(table, name) for table in (current, reference)]
            decided = kind or _kind(sides[1])
            columns.append(_clean(name, titles[name], decided, top, *sides))
        except (ValueError, pa.ArrowException) as exc:
            left_out[name] = str(exc) if type(exc) is ValueError else "cannot be read"
    return Sample(tuple(columns), left_out)


def short(number: float) -> float:
    """Return a number with six digits, as many as a page needs."""
    return float(f"{number:.6g}")


def _edges(low: float, high: float) -> np.ndarray:
    """Return the edges of equal bins; of fewer where floats lie too far apart for so many."""
    margin = 0.0 if high > low else max(0.5, abs(low) * 1e-6)
    edges = np.linspace(low - margin, high + margin, _BINS + 1)
    return edges if (np.diff(edges) > 0).all() else np.array([low, high])


def _single(table: pa.Table, name: str) -> pa.ChunkedArray:
    found = table.schema.get_all_field_indices(name)
    if not found:
        raise ValueError("not in both samples")
    if len(found) > 1:
        raise ValueError("occurs twice")
    values = table.column(found[0])
    if pat.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    return values


def _kind(values: pa.ChunkedArray) -> Kind:
    return "num" if _is_number(values.type) else "cat"


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
    labels = _most_frequent(_labels(current), _labels(reference), top)
    return SampledColumn(name, title, kind, *labels)


def _numbers(values: pa.ChunkedArray) -> pd.Series:
    allowed = _is_number(values.type) or pat.is_boolean(values.type) or pat.is_null(values.type)
    if not allowed:
        raise ValueError(f"holds {values.type}, not numbers")
    if pat.is_boolean(values.type):
        values = values.cast(pa.uint8())
    floats = values.cast(pa.float64(), safe=False).to_pandas().to_numpy(dtype="float64", copy=True)
    floats[~np.isfinite(floats)] = np.nan
    # Evidently squares values and takes histograms of them: the outermost floats would overflow.
    return pd.Series(np.clip(floats, -1e100, 1e100))


def _labels(values: pa.ChunkedArray) -> pd.Series:
    if pat.is_nested(values.type) or pat.is_binary(values.type):
        raise ValueError(f"holds {values.type}, not categories")
    if pat.is_floating(values.type) or pat.is_decimal(values.type):
        numbers = values.cast(pa.float64(), safe=False).to_pylist()
        return pd.Series([_label(number) for number in numbers], dtype=object)
    if pat.is_boolean(values.type):
        texts = [None if v is None else str(v) for v in values.to_pylist()]
    else:
        texts = pc.cast(values, pa.string()).to_pylist()
    return pd.Series(texts, dtype=object)


def _label(number: float | None) -> str | None:
    if number is None or np.isnan(number):
        return None
    return str(int(number)) if float(number).is_integer() else repr(number)


def _most_frequent(
    current: pd.Series, reference: pd.Series, top: int
) -> tuple[pd.Series, pd.Series]:
    """Keep the labels that are most frequent on both sides together, and make them inert."""
    counts = pd.concat([current, reference]).value_counts()
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    kept = [str(label) for label, _ in ranked]
    if len(kept) > top + 1:
        kept = kept[:top]
    shown = {label: inert(label) for label in kept}
    twice = len(set(shown.values())) < len(shown)
    shown = inert_names(kept) if twice else shown

    def show(label: object) -> str | None:
        return None if pd.isna(label) else shown.get(str(label), OTHER)

    return (
        pd.Series([show(label) for label in current], dtype=object),
        pd.Series([show(label) for label in reference], dtype=object),
    )
