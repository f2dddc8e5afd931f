"""P-values of tests that two numerical columns come from one distribution.

The lower, the likelier drift. The tests are those of Evidently 0.7.23
(``evidently.legacy.calculations.stattests``); ``ranks.py`` has those on ranks. Every function
returns NaN where its test is not defined.
"""

from __future__ import annotations

import math
import threading
import warnings
from typing import NamedTuple

import numpy as np

from monitoring_jobs.statistics import pooled
from monitoring_jobs.statistics.empirical import greatest_gap
from monitoring_jobs.statistics.numeric import Floats, NumericColumn

# Up to this many rows on the longer side scipy's ``ks_2samp`` computes the exact p-value.
MOST_ROWS_EXACT = 10_000
# From this many (effective) rows on an expansion takes the place of scipy's sum over every row.
EXPANSION_FROM = 20_000.0

# Where Epps and Singleton's characteristic functions are compared, and on how few rows.
_FREQUENCIES = (0.4, 0.8)
_LEAST_ROWS_ES, _SMALL_ROWS_ES = 5, 25
# Eigenvalues this much smaller than the greatest are rounding: Evidently's answer then hangs on
# the order of rows.
_LEAST_EIGENVALUE = 1e-13

# So many values at once stay inside a processor's cache.
_BLOCK = 2**14

# Filters of warnings belong to the whole process; columns are measured on several threads.
_QUIET = threading.Lock()


def ks(reference: NumericColumn, current: NumericColumn) -> float:
    """Return the p-value of the two-sided Kolmogorov-Smirnov test of two samples.

    Equals ``scipy.stats.ks_2samp(reference, current)``: exact up to 10,000 rows on either side
    (Hodges 1958), from the limiting distribution beyond.
    """
    if not reference.n or not current.n:
        return np.nan
    from scipy import stats  # half a second that only this test needs

    n, m = reference.n, current.n
    if max(n, m) <= MOST_ROWS_EXACT:
        with _QUIET, warnings.catch_warnings():
            # Where rounding lifts the exact sum above 1, scipy falls back to the limit and says so.
            warnings.filterwarnings("ignore", message="ks_2samp: Exact calculation unsuccessful")
            return float(stats.ks_2samp(reference.sorted, current.sorted).pvalue)
    statistic = greatest_gap(reference.sorted, current.sorted) / (n * m)
    effective = float(np.round(float(n) * m / (float(n) + m)))
    if _is_slow_in_scipy(statistic, effective):
        return _kolmogorov_tail(statistic, effective)
    return float(np.clip(stats.kstwo.sf(statistic, effective), 0.0, 1.0))


def _is_slow_in_scipy(statistic: float, n: float) -> bool:
    """Say whether scipy would add up all n terms of Smirnov's sum: half a second for a million."""
    return EXPANSION_FROM <= n < 1e6 and 2.2 < n * statistic**2 < 370


def _kolmogorov_tail(statistic: float, n: float) -> float:
    """Return the probability that Kolmogorov's two-sided statistic of ``n`` rows is greater.

    Twice the one-sided tail, expanded in powers of the root of ``n`` (Gnedenko, Korolyuk and
    Skorokhod 1961). From 20,000 rows on it is within 1e-10 of scipy's ``kstwo.sf``, provided that
    ``n * statistic**2`` is above 2.2: below, the two tails begin to overlap. From 18 on, where the
    probability is under 1e-15, the simpler form of Maag and Dicaire (1971) stays above zero.
    """
    if n * statistic**2 >= 18:
        return float(2 * np.exp(-((6 * n * statistic + 1) ** 2) / (18 * n)))
    x = statistic * np.sqrt(n)
    correction = (
        1
        - 2 * x / (3 * np.sqrt(n))
        + 2 * x**2 / (3 * n) * (1 - 2 * x**2 / 3)
        + 4 * x / (9 * n**1.5) * (1 / 5 - 19 * x**2 / 15 + 2 * x**4 / 3)
    )
    return float(2 * np.exp(-2 * x**2) * correction)


def t_test(reference: NumericColumn, current: NumericColumn) -> float:
    """Return the p-value of Student's two-sided t-test of two means, with pooled variance.

    Equals ``scipy.stats.ttest_ind(reference, current)`` (Student 1908). A constant column has its
    value for a mean and no variance at all, where a sum over its rows may be a rounding off.
    """
    n, m = reference.n, current.n
    if not n or not m or n + m < 3:
        return np.nan
    (mean, squares), (other, more) = _moments(reference), _moments(current)
    variance = (squares + more) / (n + m - 2) * (1 / n + 1 / m)
    if not math.isfinite(variance) or not math.isfinite(mean - other):
        return np.nan
    if variance == 0:
        return np.nan if mean == other else 0.0
    from scipy.special import stdtr

    return float(2 * stdtr(n + m - 2, -abs(mean - other) / math.sqrt(variance)))


def _moments(column: NumericColumn) -> tuple[float, float]:
    """Return the mean and the sum of squared differences from it."""
    if column.minimum == column.maximum:
        return column.minimum, 0.0
    return column.mean, column.population_std**2 * column.n


# --- Epps and Singleton ---------------------------------------------------------------------------
class _Cloud(NamedTuple):
    """Points in four dimensions: how many, their mean, and the sum of outer products around it."""

    n: int
    mean: Floats
    scatter: Floats


def es(reference: NumericColumn, current: NumericColumn) -> float:
    """Return the p-value of the test of Epps and Singleton (1986).

    The empirical characteristic functions are compared at 0.4 and 0.8 over half the pooled
    interquartile range, with the correction for small samples, as by
    ``scipy.stats.epps_singleton_2samp``. Columns of two or three different values leave the
    covariance singular: the degrees of freedom are then its rank.
    """
    n, m = reference.n, current.n
    if min(n, m) < _LEAST_ROWS_ES:
        return np.nan
    low, high = (pooled.quantile(reference.sorted, current.sorted, q) for q in (0.25, 0.75))
    with np.errstate(over="ignore"):
        unit = (np.float64(high) - low) / 2
    if not np.isfinite(unit) or unit == 0:
        return np.nan
    if reference.minimum == reference.maximum and current.minimum == current.maximum:
        return 0.0  # two constants: apart, and without a covariance to say how far
    with np.errstate(over="ignore", invalid="ignore"):
        own, other = _cloud(reference.sorted, unit), _cloud(current.sorted, unit)
    covariance = (n + m) * (own.scatter / n**2 + other.scatter / m**2)
    if not np.isfinite(covariance).all():
        return np.nan  # a value so many spreads away that its angle is lost
    inverse, rank = _inverse(covariance)
    apart = own.mean - other.mean
    statistic = float((n + m) * (apart @ inverse @ apart))
    if not rank or not math.isfinite(statistic):
        return np.nan
    if max(n, m) < _SMALL_ROWS_ES:
        statistic /= 1 + (n + m) ** -0.45 + 10.1 * (n**-1.7 + m**-1.7)
    from scipy.special import chdtrc

    return float(chdtrc(rank, statistic))


def _cloud(values: Floats, unit: float) -> _Cloud:
    """Return the moments of the values' cosines and sines, joined block by block (Chan 1979)."""
    whole = _Cloud(0, np.zeros(4), np.zeros((4, 4)))
    for start in range(0, values.size, _BLOCK):
        angles = np.multiply.outer(_FREQUENCIES, values[start : start + _BLOCK] / unit)
        points = np.concatenate((np.cos(angles), np.sin(angles)))
        mean = points.mean(axis=1)
        points -= mean[:, None]
        size = points.shape[1]
        total, apart = whole.n + size, mean - whole.mean
        scatter = whole.scatter + points @ points.T
        scatter += np.outer(apart, apart) * (whole.n * size / total)
        whole = _Cloud(total, whole.mean + apart * (size / total), scatter)
    return whole


def _inverse(covariance: Floats) -> tuple[Floats, int]:
    """Return the pseudo-inverse of a covariance (Moore and Penrose) and its rank."""
    values, vectors = np.linalg.eigh(covariance)
    kept = values > values.max() * _LEAST_EIGENVALUE
    vectors = vectors[:, kept]
    inverse: Floats = (vectors / values[kept]) @ vectors.T
    return inverse, int(np.count_nonzero(kept))
