"""Distances between two columns: the further apart, the greater; 0 where they agree.

The definitions are those of Evidently 0.7.23 (``evidently.legacy.calculations.stattests``), down
to its choice of bins, so that a score can be compared with its reports. What differs is the way
there: both columns come sorted or counted. Every function returns NaN where the distance is not
defined, which is the case for a column without values and where float64 overflows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr

from monitoring_jobs.statistics import categorical
from monitoring_jobs.statistics.categorical import CategoricalColumn
from monitoring_jobs.statistics.empirical import area_between
from monitoring_jobs.statistics.numeric import Floats, Integers, NumericColumn

# Numerical columns with more distinct values in the reference than this are binned.
MOST_CATEGORIES = 20
# Evidently's floor under the standard deviation, and its stand-in for an empty bin's share.
LEAST_STD = 0.001
EMPTY_SHARE = 0.0001

Shares = NDArray[np.float64]


def wasserstein(reference: NumericColumn, current: NumericColumn) -> float:
    """Return the first Wasserstein distance in units of the reference's standard deviation.

    W1 is the area between the two empirical distribution functions (Vallender 1974); the standard
    deviation has divisor n and is at least 0.001.
    """
    if not reference.n or not current.n:
        return np.nan
    with np.errstate(over="ignore", invalid="ignore"):
        norm = max(reference.population_std, LEAST_STD)
        return area_between(reference.sorted, current.sorted) / norm


def jensenshannon(
    reference: NumericColumn | CategoricalColumn, current: NumericColumn | CategoricalColumn
) -> float:
    """Return the Jensen-Shannon distance: the root of the divergence, natural logarithm.

    0 for equal shares in all bins, ``sqrt(ln 2)`` = 0.8326 for disjoint columns (Endres and
    Schindelin 2003).
    """
    binned = shares(reference, current)
    if binned is None:
        return np.nan
    p, q = (side / side.sum() for side in binned)
    middle = (p + q) / 2.0
    divergence = (rel_entr(p, middle).sum() + rel_entr(q, middle).sum()) / 2.0
    # Rounding may leave the divergence of near twins a hair below zero.
    return float(np.sqrt(max(divergence, 0.0)))


def psi(
    reference: NumericColumn | CategoricalColumn, current: NumericColumn | CategoricalColumn
) -> float:
    """Return the population stability index: the sum of ``(p - q) ln(p / q)`` over the bins.

    A bin that is empty on one side counts as a share of 0.0001, or as a millionth of the smallest
    share where that is not above 0.0001; the shares are not scaled back to a sum of 1.
    """
    binned = shares(reference, current)
    if binned is None:
        return np.nan
    p, q = (_without_zeros(side) for side in binned)
    return float(np.sum((p - q) * np.log(p / q)))


def shares(
    reference: NumericColumn | CategoricalColumn, current: NumericColumn | CategoricalColumn
) -> tuple[Shares, Shares] | None:
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
            edges = _sturges_edges(reference, current)
            if edges is None:
                return None
            counts = _histogram(reference, edges), _histogram(current, edges)
    else:
        raise TypeError("a numerical column cannot be compared with a categorical one")
    return counts[0] / reference.n, counts[1] / current.n


def _align(reference: NumericColumn, current: NumericColumn) -> tuple[Integers, Integers]:
    (known, known_counts), (seen, seen_counts) = reference.counts(), current.counts()
    every = np.union1d(known, seen)
    counts = np.zeros((2, every.size), dtype=np.int64)
    counts[0, np.searchsorted(every, known)] = known_counts
    counts[1, np.searchsorted(every, seen)] = seen_counts
    return counts[0], counts[1]


def _sturges_edges(reference: NumericColumn, current: NumericColumn) -> Floats | None:
    low = min(reference.minimum, current.minimum)
    high = max(reference.maximum, current.maximum)
    if not np.isfinite(high - low):
        return None
    width = (high - low) / (np.log2(reference.n + current.n) + 1.0)
    if width < 1 and _are_integers(reference) and _are_integers(current):
        # numpy never cuts integers into bins narrower than 1; Evidently hands them over as such.
        width = 1.0
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
