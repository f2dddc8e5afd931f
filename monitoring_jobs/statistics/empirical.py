"""What lies between the empirical distribution functions of two sorted columns.

The measures are exact, take linear time or less, and need no more memory than a block of rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitoring_jobs.statistics.numeric import Floats, Integers
from monitoring_jobs.statistics.pooled import tied_values

# So many values at once stay inside a processor's cache.
_BLOCK = 2**15
# Of so many neighbors one is looked at first, then of those that may hide the greatest gap.
_STRIDES = (256, 16, 1)


def area_between(first: Floats, second: Floats) -> float:
    """Return the area between two empirical distribution functions, which is their W1 distance.

    It is also the area between the quantile functions (Vallender 1974), and these are stairs of
    known width: step ``i`` of the longer column, ``1 / n`` wide, faces one step of the shorter
    column or two neighboring ones. No search and no merge is needed.

    Args:
        first: At least one finite value, ascending.
        second: At least one finite value, ascending.
    """
    longer, shorter = (first, second) if first.size >= second.size else (second, first)
    measure = _area_by_step if longer.size < 4 * shorter.size else _area_by_run
    return measure(longer, shorter) / (float(longer.size) * shorter.size)


def _area_by_step(longer: Floats, shorter: Floats) -> float:
    """Return the area times ``n * m``, one step of the longer column after the other."""
    n, m = longer.size, shorter.size
    total = 0.0
    for start in range(0, n, _BLOCK):
        steps = longer[start : start + _BLOCK]
        if n == m:
            total += float(np.abs(steps - shorter[start : start + _BLOCK]).sum()) * m
            continue
        # Where each step begins, in units of 1 / (n * m), and the shorter's step that it faces.
        begins = np.arange(start, start + steps.size, dtype=np.int64) * m
        faced = begins // n
        width = np.minimum((faced + 1) * n - begins, m)
        total += float((np.abs(steps - shorter[faced]) * width).sum())
        np.minimum(faced + 1, m - 1, out=faced)
        np.subtract(m, width, out=width)
        total += float((np.abs(steps - shorter[faced]) * width).sum())
    return total


def _area_by_run(longer: Floats, shorter: Floats) -> float:
    """Return the area times ``n * m``, one step of a much shorter column after the other."""
    n, m = longer.size, shorter.size
    total = 0.0
    width = max(1, _BLOCK * m // n)
    for start in range(0, m, width):
        faced = shorter[start : start + width]
        # Each is faced by the longer's steps that begin within it.
        ends = np.arange(start, start + faced.size + 1) * n
        begins = -(-ends // m)
        away = np.abs(longer[begins[0] : begins[-1]] - np.repeat(faced, np.diff(begins)))
        # One that begins in one step and ends in the next belongs to either by its share.
        crossed = np.flatnonzero(ends[1:] % m)
        place = ends[1:][crossed] // m
        share = (place + 1) * m - ends[1:][crossed]
        beyond = np.abs(longer[place] - shorter[start + crossed + 1])
        place -= begins[0]
        total += float((share * beyond + (m - share) * away[place]).sum())
        away[place] = 0
        total += float(away.sum()) * m
    return total


def squared_area_between(first: Floats, second: Floats) -> float:
    """Return the integral of the squared gap between two empirical distribution functions.

    Args:
        first: At least one finite value, ascending.
        second: At least one finite value, ascending.
    """
    n, m = first.size, second.size
    total, gap, reached = 0.0, 0.0, min(float(first[0]), float(second[0]))
    for each in tied_values(first, second):
        gaps = (each.first_below + each.first) * m - (each.second_below + each.second) * n
        before = np.concatenate(([gap], gaps[:-1])) / (float(n) * m)
        total += float(np.sum(np.square(before) * np.diff(each.values, prepend=reached)))
        gap, reached = float(gaps[-1]), float(each.values[-1])
    return total


def greatest_gap(first: Floats, second: Floats) -> int:
    """Return the greatest distance between two empirical distribution functions, times ``n * m``.

    Divided by ``n * m`` it is the statistic of Kolmogorov and Smirnov; as a whole number it is
    free of rounding. Both functions only rise, so that the gap between two neighboring points
    cannot exceed what the functions at these points allow: where that is less than a gap already
    found, the values between are never looked at.

    Args:
        first: ``n`` finite values, at least one, ascending.
        second: ``m`` finite values, at least one, ascending.
    """
    places = np.append(np.arange(0, first.size, _STRIDES[0]), first.size - 1)
    found = 0
    for stride, finer in zip(_STRIDES, (*_STRIDES[1:], None), strict=True):
        before, after = _counts(first, second, places, "left"), _counts(first, second, places)
        for counts in (before, after):
            found = max(found, int(np.abs(_gap(counts, first, second)).max()))
        if finer is None:
            break
        # Between two places each function lies between its values behind the one and at the other.
        high = after[0][1:] * second.size - after[1][:-1] * first.size
        low = after[1][1:] * first.size - after[0][:-1] * second.size
        hiding = np.maximum(high, low) > found
        hiding &= np.diff(places) > 0
        begin = places[:-1][hiding]
        if not begin.size:
            break
        places = (begin[:, None] + np.arange(0, stride + 1, finer)).ravel()
        np.minimum(places, first.size - 1, out=places)
    return found


def _counts(
    first: Floats, second: Floats, places: Integers, side: str = "right"
) -> tuple[Integers, Integers]:
    """Return how many values of each column lie below (``left``) or up to the first's values."""
    values = first[places]
    return _search(first, values, side), _search(second, values, side)


def _search(column: Floats, values: Floats, side: str) -> NDArray[np.int64]:
    return np.searchsorted(column, values, side="left" if side == "left" else "right")


def _gap(counts: tuple[Integers, Integers], first: Floats, second: Floats) -> Integers:
    return counts[0] * second.size - counts[1] * first.size
