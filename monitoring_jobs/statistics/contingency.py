"""P-values of tests on how often each label occurs: the lower, the likelier drift.

The tests are those of Evidently 0.7.23 (``evidently.legacy.calculations.stattests``). Every
function returns NaN where its test is not defined; ``permutation.py`` has total variation.
"""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa

from monitoring_jobs.statistics.categorical import (
    CategoricalColumn,
    align,
    smallest,
)

# As far as sums of counts may differ for scipy to compare them.
_SUMS_DIFFER = float(np.finfo(np.float64).eps) ** 0.5
# So many standard deviations from its mode a hypergeometric probability is zero in a float64.
_FARTHEST = 45


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
    return _chi_square_tail(float(np.sum((observed - expected) ** 2 / expected)), known.size - 1)


def g_test(reference: CategoricalColumn, current: CategoricalColumn) -> float:
    """Return the p-value of the likelihood-ratio test that the current column fits the reference.

    ``G = 2 sum(observed ln(observed / expected))`` (Wilks 1938), expected are the reference's
    counts as they are: Evidently does not scale them, hence NaN unless both columns hold as many
    values. A label which the reference lacks gives 0; NaN where there is but one label in all.
    """
    n, m = reference.n, current.n
    if not n or not m or abs(n - m) > _SUMS_DIFFER * min(n, m):
        return np.nan
    expected, observed = align(reference, current)
    if expected.size < 2:
        return np.nan
    if (expected == 0).any():
        return 0.0
    seen = observed > 0
    terms = observed[seen] * np.log(observed[seen] / expected[seen])
    return _chi_square_tail(float(2 * terms.sum()), expected.size - 1)


def _chi_square_tail(statistic: float, freedom: int) -> float:
    from scipy.special import chdtrc

    return float(chdtrc(freedom, max(statistic, 0.0)))


def z(reference: CategoricalColumn, current: CategoricalColumn) -> float:
    """Return the p-value of the two-sided z-test of two proportions, with pooled variance.

    The proportion is that of the rows which do not hold the smallest label. It is a test for
    columns with two labels; of more it sees that one only.
    """
    if not reference.n or not current.n:
        return np.nan
    label = smallest(pa.concat_arrays([reference.labels, current.labels]))
    others = [column.n - column.count(label) for column in (reference, current)]
    n, m = reference.n, current.n
    p, q = others[0] / n, others[1] / m
    pooled = (p * n + q * m) / (n + m)
    if pooled == 0:
        return 1.0  # one and the same label on both sides
    deviation = math.sqrt(pooled * (1 - pooled) * (1.0 / n + 1.0 / m))
    return math.erfc(abs((p - q) / deviation) / math.sqrt(2))


def fisher_exact(reference: CategoricalColumn, current: CategoricalColumn) -> float:
    """Return the p-value of Fisher's exact test of two labels, two-sided (Fisher 1935).

    The sum over all tables that are no likelier than the one observed. Evidently takes columns of
    one size only, and so the tables come in mirrored pairs: the sum is twice one tail. NaN for
    different sizes and for more than two labels in all, of which Evidently would leave out some,
    chosen by the order of a set.
    """
    if not reference.n or reference.n != current.n:
        return np.nan
    known, seen = align(reference, current)
    if known.size > 2:
        return np.nan
    if known.size == 1:
        return 1.0
    total, rows = int(known[0] + seen[0]), reference.n
    fewer = int(min(known[0], seen[0]))
    if 2 * fewer == total:
        return 1.0
    return min(1.0, 2 * _hypergeometric(fewer, total, rows))


def _hypergeometric(most: int, marked: int, rows: int) -> float:
    """Return the probability of at most so many marked rows among ``rows`` out of twice as many.

    The probabilities around the mode follow from each other by their ratio, which loses nothing to
    the logarithms of huge factorials.

    Args:
        most: So many marked rows at most, fewer than half of them.
        marked: How many of all are marked.
        rows: Half of all.
    """
    mode = marked // 2
    deviation = math.sqrt(marked / 4 * (2 * rows - marked) / max(2 * rows - 1, 1))
    reach = int(_FARTHEST * deviation) + 50
    low, high = max(0, marked - rows, mode - reach), min(marked, rows, mode + reach)
    if most < low:
        return 0.0
    places = np.arange(low, high, dtype=np.float64)
    up = (marked - places) * (rows - places) / ((places + 1) * (rows - marked + places + 1))
    logarithms = np.concatenate(([0.0], np.cumsum(np.log(up))))
    chances = np.exp(logarithms - logarithms.max())
    return float(chances[: most - low + 1].sum() / chances.sum())
