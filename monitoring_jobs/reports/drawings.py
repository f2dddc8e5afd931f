"""What is drawn of each column of the sample: its distribution and what describes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from monitoring_jobs.reports.sample import Kind, SampledColumn
from monitoring_jobs.reports.widgets import Widget, bars

# A column takes three kilobytes of the page.
MOST_COLUMNS_DRAWN = 1000

_BINS = 20

T = TypeVar("T")
Facts = Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Drawing:
    """One column, reduced to what the page shows of it.

    Attributes:
        name: Its name in the data.
        title: A name that is safe to show.
        kind: ``num`` or ``cat``.
        facts: What describes the samples of the window and of the reference, by label.
        missing: Rows of both samples without a value.
        x: Middles of the bins, or labels.
        current: Counts of the window.
        reference: Counts of the reference.
        figure: Both distributions; None where the column cannot be drawn.
    """

    name: str
    title: str
    kind: Kind
    facts: Facts
    missing: tuple[int, int]
    x: list[Any]
    current: list[int]
    reference: list[int]
    figure: Widget | None


def draw_columns(
    columns: Iterable[SampledColumn], names: Iterable[str], left_out: dict[str, str]
) -> dict[str, Drawing]:
    """Draw the columns that can be, until there are ``MOST_COLUMNS_DRAWN``; the rest is not read.

    Args:
        columns: The sample.
        names: Every column that is wanted.
        left_out: Is told the columns that are not drawn, and why.

    Returns:
        The columns that were read, by name in the data; a figure is missing where none is drawn.
    """
    drawings: dict[str, Drawing] = {}
    drawn = 0
    for column in columns:
        bare = _bare(column)
        drawings[column.name] = bare
        if not all(len(side) for side in column.present()):
            left_out[column.name] = "no value on one side"
            continue
        drawings[column.name] = attempt(column.name, left_out, draw, column) or bare
        drawn += drawings[column.name].figure is not None
        if drawn == MOST_COLUMNS_DRAWN:
            break
    for name in names:
        if name not in drawings:
            left_out.setdefault(name, f"only {MOST_COLUMNS_DRAWN} columns are")
    return drawings


def draw(column: SampledColumn) -> Drawing:
    """Draw one column, both sides of which hold a value."""
    x, current, reference, place = _numbers(column) if column.kind == "num" else _labels(column)
    figure = bars(place, current, reference, labels=column.kind == "cat")
    facts = describe(column)
    return replace(
        _bare(column), facts=facts, x=x, current=current, reference=reference, figure=figure
    )


def _bare(column: SampledColumn) -> Drawing:
    current, reference = (int((~present).sum()) for present in column.present_rows())
    missing = (current, reference)
    return Drawing(column.name, column.title, column.kind, {}, missing, [], [], [], None)


def attempt(
    name: str, left_out: dict[str, str], make: Callable[..., T], *arguments: Any
) -> T | None:
    """Make a part of the page; one that cannot be made is missing, and costs none of the others."""
    try:
        return make(*arguments)
    except Exception as exc:  # noqa: BLE001 - whatever it is, it must not cost the page
        left_out[name] = f"{type(exc).__name__} while drawing"
        return None


def short(number: float) -> float:
    """Return a number with six digits, as many as a page needs."""
    return float(f"{number:.6g}")


def describe(column: SampledColumn) -> Facts:
    """Return what describes the samples of the window and of the reference, in words and digits."""
    present = column.present()
    missing = [share(int((~rows).sum()), len(rows)) for rows in column.present_rows()]
    facts = {
        "count": (f"{len(column.current):,}", f"{len(column.reference):,}"),
        "missing": (missing[0], missing[1]),
    }
    if column.kind == "num":
        return facts | {
            "mean": _both(lambda side: digits(np.mean(side)), present),
            "std": _both(_std, present),
            "min": _both(lambda side: digits(np.min(side)), present),
            "median": _both(lambda side: digits(np.median(side)), present),
            "max": _both(lambda side: digits(np.max(side)), present),
        }

    def most_common(side: np.ndarray) -> str:
        counts = np.bincount(side)
        return f"{column.labels[int(counts.argmax())]}: {counts.max():,}"

    return facts | {"most common": _both(most_common, present)}


def _std(side: np.ndarray) -> str:
    return digits(np.std(side, ddof=1)) if len(side) > 1 else ""


def share(count: int, whole: int) -> str:
    """Return a count and its share as the page shows them."""
    return f"{count:,} ({count / whole:.1%})" if whole else f"{count:,}"


def digits(number: float) -> str:
    """Return a number as the page shows it."""
    return f"{number:.6g}"


def _both(
    show: Callable[[np.ndarray], str], sides: tuple[np.ndarray, np.ndarray]
) -> tuple[str, str]:
    return show(sides[0]), show(sides[1])


_Shape = tuple[list[Any], list[int], list[int], Widget]


def _numbers(column: SampledColumn) -> _Shape:
    current, reference = column.present()
    low = min(float(current.min()), float(reference.min()))
    high = max(float(current.max()), float(reference.max()))
    edges = _edges(low, high)
    counts = [np.histogram(side, bins=edges)[0].tolist() for side in (current, reference)]
    middles = (edges[:-1] + edges[1:]) / 2
    place = {"x0": float(middles[0]), "dx": float(edges[1] - edges[0])}
    return [short(middle) for middle in middles], counts[0], counts[1], place


def _edges(low: float, high: float) -> np.ndarray:
    """Return the edges of equal bins; of fewer where floats lie too far apart for so many."""
    margin = 0.0 if high > low else max(0.5, abs(low) * 1e-6)
    edges = np.linspace(low - margin, high + margin, _BINS + 1)
    return edges if (np.diff(edges) > 0).all() else np.array([low, high])


def _labels(column: SampledColumn) -> _Shape:
    counts = [np.bincount(side, minlength=len(column.labels)) for side in column.present()]
    total = counts[0] + counts[1]
    order = sorted(np.flatnonzero(total), key=lambda at: (-total[at], column.labels[at]))
    x = [column.labels[at] for at in order]
    return x, counts[0][order].tolist(), counts[1][order].tolist(), {"x": x}
