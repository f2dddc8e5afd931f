"""P-values of tests that two columns come from one distribution: the lower, the likelier drift.

The tests are those of Evidently 0.7.23 (``evidently.legacy.calculations.stattests``). Every
function returns NaN where its test is not defined: for a column without values, and for chi-square
where both columns hold one and the same label only.
"""

from __future__ import annotations

import threading
import warnings

import numpy as np
import pyarrow as pa
from scipy.special import chdtrc, ndtr

from monitoring_jobs.statistics.categorical import (
    CategoricalColumn,
    align,
    positions_in,
    smallest,
)
from monitoring_jobs.statistics.empirical import greatest_gap
from monitoring_jobs.statistics.numeric import NumericColumn

# Up to this many rows on the longer side scipy's ``ks_2samp`` computes the exact p-value.
MOST_ROWS_EXACT = 10_000
# From this many (effective) rows on an expansion takes the place of scipy's sum over every row.
EXPANSION_FROM = 20_000.0

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


def chisquare(reference: CategoricalColumn, current: CategoricalColumn) -> float:
    """Return the p-value of Pearson's chi-square test that the current column fits the reference.

    Expected are the reference's counts scaled to the current column's size, so that a label which
    the reference lacks gives 0. NaN where there is but one label in all: no degree of freedom.
    """
    if not reference.n or not current.n:
        return np.nan
    known, observed = align(reference, current)
    if known.size < 2:
        return np.nan
    if (known == 0).any():
        return 0.0
    expected = known * (current.n / reference.n)
    statistic = np.sum((observed - expected) ** 2 / expected)
    return float(chdtrc(known.size - 1, statistic))


def z(reference: CategoricalColumn, current: CategoricalColumn) -> float:
    """Return the p-value of the two-sided z-test of two proportions, with pooled variance.

    The proportion is that of the rows which do not hold the smallest label. It is a test for
    columns with two labels; of more it sees that one only.
    """
    if not reference.n or not current.n:
        return np.nan
    label = smallest(pa.concat_arrays([reference.labels, current.labels]))
    others = [column.n - _count(column, label) for column in (reference, current)]
    n, m = reference.n, current.n
    p, q = others[0] / n, others[1] / m
    pooled = (p * n + q * m) / (n + m)
    if pooled == 0:
        return 1.0  # one and the same label on both sides
    deviation = np.sqrt(pooled * (1 - pooled) * (1.0 / n + 1.0 / m))
    return float(2 * (1 - ndtr(abs((p - q) / deviation))))


def _count(column: CategoricalColumn, label: str) -> int:
    position = positions_in(column.labels, pa.array([label], pa.large_string()))[0]
    return int(column.counts[position]) if position >= 0 else 0
