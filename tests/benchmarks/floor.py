"""The floor: the same numbers by numpy and pyarrow alone, as a careful person would write them.

``python -m tests.benchmarks.floor FOLDER COLUMNS --threads N [--out FILE]``: one process, a column
at a time on every thread, each side sorted once and all else read off the sorted values. It knows
no monitor file, window, check or verdict and stores nothing: what is left is what no engine can
leave out.
"""

from __future__ import annotations

import argparse
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.benchmarks.layout import names

Result = dict[str, Any]
QUANTILES = np.array([0.05, 0.25, 0.5, 0.75, 0.95])


class Table:
    """A parquet file of which every thread reads columns of its own; its footer is parsed once."""

    def __init__(self, path: Path, dictionaries: list[str]) -> None:
        self._path, self._dictionaries = path, dictionaries
        self._metadata = pq.read_metadata(path)
        self._own = threading.local()

    def column(self, name: str) -> pa.ChunkedArray:
        if not hasattr(self._own, "file"):
            self._own.file = pq.ParquetFile(
                self._path, metadata=self._metadata, read_dictionary=self._dictionaries
            )
        return self._own.file.read([name], use_threads=False).column(0)


# --- numerical ------------------------------------------------------------------------------------
def sorted_values(table: Table, name: str) -> tuple[np.ndarray, Result]:
    """Return a column's values in ascending order, and what can be said of one side alone."""
    values = table.column(name).to_numpy()  # a copy where a null becomes NaN
    values = values if values.flags.writeable else values.copy()
    values.sort()
    rows, values = values.size, values[: np.searchsorted(values, np.nan)]  # NaN sorts last
    return values, {
        "missing": int(rows - values.size),
        "distinct": int(np.count_nonzero(values[1:] != values[:-1])) + 1,
        "mean": float(values.mean()),
        "std": float(values.std(ddof=1)),
        "minimum": float(values[0]),
        "maximum": float(values[-1]),
        "quantiles": quantiles(values),
    }


def quantiles(values: np.ndarray) -> list[float]:
    """Interpolate linearly between neighbors, as ``numpy.quantile`` does."""
    place = QUANTILES * (values.size - 1)
    left = place.astype(int)
    right = np.minimum(left + 1, values.size - 1)
    found = values[left] + (values[right] - values[left]) * (place - left)
    return [float(value) for value in found]


def ks_statistic(a: np.ndarray, b: np.ndarray) -> float:
    """Return the greatest gap between the distribution functions, looked for at every ``a``."""
    steps = np.arange(a.size + 1) / a.size
    above = steps[1:] - np.searchsorted(b, a, side="right") / b.size
    below = np.searchsorted(b, a, side="left") / b.size - steps[:-1]
    return float(max(above.max(), below.max()))


def wasserstein(a: np.ndarray, b: np.ndarray) -> float:
    """Return the area between the quantile functions, in linear time for columns of any length.

    In units of 1 / (n m), a value of the longer one is m wide, and above it stand two values of the
    shorter one at most, each n wide; the second of them takes what lies beyond the first.
    """
    if a.size == b.size:
        return float(np.abs(a - b).mean())
    long, short = (a, b) if a.size > b.size else (b, a)
    n, m = long.size, short.size
    beyond = np.arange(n, dtype=np.int64) * m
    first = beyond // n
    gap = np.abs(long - short[first])
    first += 1
    beyond += m
    beyond -= first * n
    np.maximum(beyond, 0, out=beyond)
    second_gap = np.abs(long - short.take(first, mode="clip"))
    return float((gap.sum() * m + np.dot(second_gap - gap, beyond)) / n / m)


def binned(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count both sides in common bins of equal width, as many as Sturges' rule gives."""
    low, high = min(a[0], b[0]), max(a[-1], b[-1])
    bins = int(np.ceil(np.log2(a.size + b.size) + 1))
    edges = np.linspace(low, high, bins + 1)[:-1]
    first, second = (np.diff(np.searchsorted(side, edges), append=side.size) for side in (a, b))
    return first, second


def compare_numbers(reference: Table, current: Table, name: str) -> Result:
    a, of_a = sorted_values(reference, name)
    b, of_b = sorted_values(current, name)
    return {
        "reference": of_a,
        "current": of_b,
        "ks": ks_statistic(a, b),
        "wasserstein": wasserstein(a, b) / max(float(a.std()), 0.001),
        **distances(*binned(a, b)),
    }


# --- categorical ----------------------------------------------------------------------------------
def label_counts(table: Table, name: str) -> tuple[dict[str, int], Result]:
    """Return how often each label occurs, counted by its code."""
    values = table.column(name).unify_dictionaries()
    labels = values.chunk(0).dictionary.to_pylist()
    counts = np.zeros(len(labels), dtype=np.int64)
    for chunk in values.chunks:
        counts += np.bincount(chunk.indices.drop_null().to_numpy(), minlength=len(labels))
    found = dict(zip(labels, counts.tolist(), strict=True))
    return found, {"missing": values.null_count, "distinct": len(found), "counts": found}


def compare_labels(reference: Table, current: Table, name: str) -> Result:
    a, of_a = label_counts(reference, name)
    b, of_b = label_counts(current, name)
    every = sorted({*a, *b})
    sides = (np.array([side.get(label, 0) for label in every]) for side in (a, b))
    return {"reference": of_a, "current": of_b, **distances(*sides)}


def distances(a: np.ndarray, b: np.ndarray) -> Result:
    """Return Jensen-Shannon's distance and PSI of two sides counted in the same bins."""
    p, q = a / a.sum(), b / b.sum()
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = [np.nansum(side * np.log(side / middle)) for side in (p, q)]
    filled = [np.where(side == 0, 0.0001, side) for side in (p, q)]
    return {
        "jensenshannon": float(np.sqrt(max(sum(terms) / 2, 0))),
        "psi": float(np.sum((filled[0] - filled[1]) * np.log(filled[0] / filled[1]))),
    }


def compare(folder: Path, columns: int, threads: int) -> dict[str, Result]:
    """Compare every column of ``log.parquet`` with that of ``reference.parquet``."""
    numerical, categorical = names(columns)
    reference, current = (
        Table(folder / f"{side}.parquet", categorical) for side in ("reference", "log")
    )

    def one(name: str) -> tuple[str, Result]:
        work = compare_labels if name in categorical else compare_numbers
        return name, work(reference, current, name)

    with ThreadPoolExecutor(threads) as pool:
        return dict(pool.map(one, [*numerical, *categorical]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("columns", type=int)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="write all numbers to this JSON file")
    options = parser.parse_args()
    found = compare(options.folder, options.columns, options.threads)
    if options.out:
        options.out.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
