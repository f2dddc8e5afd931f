"""Distances between the shares of two columns in common bins: 0 where the shares agree.

The definitions are those of Evidently 0.7.23 (``evidently.legacy.calculations.stattests``), down
to its choice of bins, so that a score can be compared with its reports. What differs is the way
there: both columns come sorted or counted. Every function returns NaN where the distance is not
defined, which is the case for a column without values and where no bins can be cut.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from monitoring_jobs.statistics import categorical
from monitoring_jobs.statistics.categorical import CategoricalColumn
from monitoring_jobs.statistics.numeric import Floats, Integers, NumericColumn
from monitoring_jobs.statistics.pooled import count_distinct

# Numerical columns with more distinct values in the reference than this are binned.
MOST_CATEGORIES = 20
# Evidently's stand-in for an empty bin's share.
EMPTY_SHARE = 0.0001
_DIFFERENT_KINDS = "a numerical column cannot be compared with a categorical one"

Column = NumericColumn | CategoricalColumn
Shares = NDArray[np.float64]


def jensenshannon(reference: Column, current: Column) -> float:
    """Return the Jensen-Shannon distance: the root of the divergence, natural logarithm.

    0 for equal shares in all bins, ``sqrt(ln 2)`` = 0.8326 for disjoint columns (Endres and
    Schindelin 2003).
    """
    binned = shares(reference, current)
    if binned is None:
        return np.nan
    p, q = (side / side.sum() for side in binned)
    middle = (p + q) / 2.0
    divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2.0
    # Rounding may leave the divergence of near twins a hair below zero.
    return math.sqrt(max(divergence, 0.0))


def psi(reference: Column, current: Column) -> float:
    """Return the population stability index: the sum of ``(p - q) ln(p / q)`` over the bins.

    A bin that is empty on one side counts as a share of 0.0001, or as a millionth of the smallest
    share where that is not above 0.0001; the shares are not scaled back to a sum of 1.
    """
    binned = shares(reference, current)
    if binned is None:
        return np.nan
    p, q = (_without_zeros(side) for side in binned)
    return float(np.sum((p - q) * np.log(p / q)))


def kl_div(reference: Column, current: Column) -> float:
    """Return the divergence of Kullback and Leibler (1951): the sum of ``p ln(p / q)``.

    The reference's shares are p, the current column's q; natural logarithm. Empty bins count as in
    ``psi``, but here the shares are scaled back to a sum of 1.
    """
    binned = shares(reference, current)
    if binned is None:
        return np.nan
    p, q = (_without_zeros(side) for side in binned)
    return _relative_entropy(p / p.sum(), q / q.sum())


def hellinger(reference: Column, current: Column) -> float:
    """Return the Hellinger distance: the root of ``1 - sum(sqrt(p q))``, from 0 to 1.

    A numerical column is cut into bins of equal width over both columns, as many as Sturges' rule
    gives for their different values (Hellinger 1909; Sturges 1926); all else is counted by label.
    Summed up is ``(sqrt(p) - sqrt(q))**2 / 2``, the same without a difference of near twins.
    Evidently would cut a column of two neighboring integers into a single bin, three into two, and
    be blind to what moves inside; here numbers are numbers.
    """
    if not reference.n or not current.n:
        return np.nan
    if isinstance(reference, CategoricalColumn) and isinstance(current, CategoricalColumn):
        counts = categorical.align(reference, current)
    elif isinstance(reference, NumericColumn) and isinstance(current, NumericColumn):
        distinct = count_distinct(reference.sorted, current.sorted)
        if distinct == 1:
            return 0.0
        edges = _sturges_edges(reference, current, distinct)
        if edges is None:
            return np.nan
        counts = _histogram(reference, edges), _histogram(current, edges)
    else:
        raise TypeError(_DIFFERENT_KINDS)
    apart = np.sqrt(counts[0] / reference.n) - np.sqrt(counts[1] / current.n)
    return math.sqrt(min(float(np.square(apart).sum()) / 2, 1.0))


def _relative_entropy(p: Shares, q: Shares) -> float:
    held = p > 0
    return float(np.sum(p[held] * np.log(p[held] / q[held])))


def shares(reference: Column, current: Column) -> tuple[Shares, Shares] | None:
    """Return the share of each column's values in common bins; None where there are no bins.

    A numerical column whose reference has more than 20 distinct values is cut into bins of equal
    width over both columns, as many as Sturges' rule gives; all else is counted by distinct value.
    """
    if not reference.n or not current.n:
        return None
    if isinstance(reference, CategoricalColumn) and isinstance(current, CategoricalColumn):
        counts = categorical.align(reference, current)
    elif isinstance(reference, NumericColumn) and isinstance(current, NumericColumn):
        if reference.distinct <= MOST_CATEGORIES:
            counts = _align(reference, current)
        else:
            values = reference.n + current.n
            edges = _sturges_edges(reference, current, values, respect_integers=True)
            if edges is None:
                return None
            counts = _histogram(reference, edges), _histogram(current, edges)
    else:
        raise TypeError(_DIFFERENT_KINDS)
    return counts[0] / reference.n, counts[1] / current.n


def _align(reference: NumericColumn, current: NumericColumn) -> tuple[Integers, Integers]:
    (known, known_counts), (seen, seen_counts) = reference.counts(), current.counts()
    every = np.union1d(known, seen)
    counts = np.zeros((2, every.size), dtype=np.int64)
    counts[0, np.searchsorted(every, known)] = known_counts
    counts[1, np.searchsorted(every, seen)] = seen_counts
    return counts[0], counts[1]


def _sturges_edges(
    reference: NumericColumn,
    current: NumericColumn,
    values: int,
    *,
    respect_integers: bool = False,
) -> Floats | None:
    """Return the edges of as many bins as Sturges' rule gives; None where there is no room.

    Args:
        reference: At least one value.
        current: At least one value.
        values: How many the rule is asked about.
        respect_integers: Never cut them into bins narrower than 1.
    """
    low = min(reference.minimum, current.minimum)
    high = max(reference.maximum, current.maximum)
    if not np.isfinite(high - low):
        return None
    width = (high - low) / (np.log2(values) + 1.0)
    if respect_integers and width < 1 and _are_integers(reference) and _are_integers(current):
        width = 1.0  # as numpy does, to which Evidently hands integers as such
    with np.errstate(over="ignore"):
        edges = np.linspace(low, high, int(np.ceil((high - low) / width)) + 1 if width else 2)
    # Values that differ only in their last bits leave no room for that many bins.
    return edges if np.all(edges[:-1] < edges[1:]) else None


def _are_integers(column: NumericColumn) -> bool:
    if column.n < column.rows:
        return False  # pandas holds integers with gaps as floats
    return bool(np.all(column.sorted == np.floor(column.sorted)))


def _histogram(column: NumericColumn, edges: Floats) -> Integers:
    """Count as ``numpy.histogram`` does: bins are half-open, the last one is closed."""
    starts = np.searchsorted(column.sorted, edges[:-1], side="left")
    return np.diff(starts, append=column.n)


def _without_zeros(side: Shares) -> Shares:
    least = side[side > 0].min()
    stand_in = least / 10**6 if least <= EMPTY_SHARE else EMPTY_SHARE
    return np.where(side == 0, stand_in, side)
