"""P-values of tests on the ranks of two pooled columns: the lower, the likelier drift.

The tests are those of Evidently 0.7.23 (``evidently.legacy.calculations.stattests``), and of scipy
1.17, which it calls. What differs is the way there: the columns come sorted, so that one walk over
their tied values replaces the ranking. Every function returns NaN where its test is not defined.
"""

from __future__ import annotations

import math

import numpy as np

from monitoring_jobs.statistics.numeric import Integers, NumericColumn
from monitoring_jobs.statistics.pooled import tied_values

# Up to this many values on the shorter side, and without ties, scipy counts out U's distribution,
# in time that grows with the square of the pairs: beyond this many of them it would take minutes.
MOST_ROWS_EXACT_U, MOST_PAIRS_EXACT_U = 8, 10_000_000
# Up to this many values on the longer side Cramér and von Mises' p-value is counted out.
MOST_ROWS_EXACT_T = 20
# Below this the p-value is 1; terms of the limit's series that are smaller end it.
_LEAST_T, _LEAST_TERM = 0.003, 1e-7


def mannw(reference: NumericColumn, current: NumericColumn) -> float:
    """Return the p-value of the one-sided Mann-Whitney test that the reference lies lower.

    Equals ``scipy.stats.mannwhitneyu(reference, current, alternative="less")``: exact where either
    side has at most 8 values and none are tied, else the normal limit with corrections for
    continuity and ties (Mann and Whitney 1947). It is blind to a column that moves down.
    """
    if not reference.n or not current.n:
        return np.nan
    n, m = reference.n, current.n
    doubled, ties, is_tied = 0, 0.0, False
    for each in tied_values(reference.sorted, current.sorted):
        # Pairs in which the reference's value is greater count two, tied ones one.
        doubled += int(np.sum(each.first * (2 * each.second_below + each.second)))
        together = (each.first + each.second).astype(np.float64)
        ties += float(np.sum(together**3 - together))
        is_tied = is_tied or bool((together > 1).any())
    greater = n * m - doubled / 2  # U of the current column
    if min(n, m) <= MOST_ROWS_EXACT_U and n * m <= MOST_PAIRS_EXACT_U and not is_tied:
        return _exceeds(int(greater), n, m)
    rows = n + m
    variance = n * m / 12 * ((rows + 1) - ties / (rows * (rows - 1)))
    if variance <= 0:
        return 1.0  # one and the same value on both sides
    away = (greater - n * m / 2 - 0.5) / math.sqrt(variance)
    return math.erfc(away / math.sqrt(2)) / 2


def _exceeds(u: int, n: int, m: int) -> float:
    """Return the probability that Mann and Whitney's U of ``n`` and ``m`` rows is at least ``u``.

    The number of orders with a given U is a coefficient of the Gaussian binomial (Mann and Whitney
    1947), a product of ``(1 - q**(m + i)) / (1 - q**i)`` over the rows of the shorter side.
    """
    n, m = min(n, m), max(n, m)
    tail = n * m - u  # as likely, and counted from zero
    if 2 * tail > n * m:
        return 1.0 - _exceeds(n * m - u + 1, n, m)
    ways = np.zeros(tail + 1)
    if tail >= 0:
        ways[0] = 1.0
    for i in range(1, n + 1):
        for start in range(min(i, ways.size)):
            np.cumsum(ways[start::i], out=ways[start::i])
        if m + i < ways.size:
            ways[m + i :] -= ways[: -m - i].copy()
    return min(float(ways.sum()) / math.comb(n + m, n), 1.0)


def cramer_von_mises(reference: NumericColumn, current: NumericColumn) -> float:
    """Return the p-value of the two-sample Cramér-von Mises test.

    Exact where both sides have at most 20 values (Xiao, Gordon and Yakovlev 2006), else from the
    limiting distribution, standardized as by Anderson (1962). Ties get their middle rank, which
    does not suit the test: of tied columns of unequal sizes it finds drift where there is none.
    """
    n, m = reference.n, current.n
    if min(n, m) < 2:
        return np.nan
    if max(n, m) <= MOST_ROWS_EXACT_T:
        from scipy import stats

        exact = stats.cramervonmises_2samp(reference.sorted, current.sorted, method="exact")
        return float(exact.pvalue)
    own, other = [], []
    for each in tied_values(reference.sorted, current.sorted):
        own.append(_squares(each.first, each.second, each.second_below))
        other.append(_squares(each.second, each.first, each.first_below))
    # Twelve times U, a whole number: of a float64 little would be left below.
    twelvefold = n * int(math.fsum(own)) + m * int(math.fsum(other))
    rows, product = n + m, n * m
    statistic = (twelvefold - 2 * product * (4 * product - 1)) / (12 * product * rows)
    mean = (1 + 1 / rows) / 6
    variance = (rows + 1) * (4 * product * rows - 3 * (n**2 + m**2) - 2 * product)
    scale = math.sqrt(variance / (4 * product * rows**2))
    return _cramer_tail(1 / 6 + (statistic - mean) / scale)


def _squares(own: Integers, other: Integers, below: Integers) -> float:
    """Return twelve times the squared distances between ranks in both columns and in their own.

    Tied values share the middle of their ranks in both columns.
    """
    tied = own.astype(np.float64)
    middle = (2 * below + other).astype(np.float64)
    return float(np.sum(tied * (3 * middle**2 + tied**2 - 1)))


def _cramer_tail(statistic: float) -> float:
    """Return the probability that the limit of Cramér and von Mises' statistic is greater.

    Equation 1.2 of Csörgő and Faraway (1996). The series ends where Evidently ends it, behind its
    first term below 1e-7.
    """
    if statistic < _LEAST_T:
        return 1.0
    from scipy.special import gammaln, kv

    total, k, term = 0.0, 0, 1.0
    while abs(term) >= _LEAST_TERM:
        power = (4 * k + 1) ** 2 / (16 * statistic)
        weight = math.exp(gammaln(k + 0.5) - gammaln(k + 1)) / (math.pi**1.5 * statistic**0.5)
        term = weight * math.sqrt(4 * k + 1) * math.exp(-power) * float(kv(0.25, power))
        total += term
        k += 1
    return max(0.0, 1.0 - total)


# --- Anderson and Darling -------------------------------------------------------------------------
# Table 2 of Scholz and Stephens (1987) for two samples, and the p-values that it is for.
_CRITICAL = np.array([0.675, 1.281, 1.645, 1.96, 2.326, 2.573, 3.085])
_CRITICAL += np.array([-0.245, 0.25, 0.678, 1.149, 1.822, 2.364, 3.615])
_CRITICAL += np.array([-0.105, -0.305, -0.362, -0.391, -0.396, -0.345, -0.154])
_P_VALUES = np.array([0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001])


def anderson(reference: NumericColumn, current: NumericColumn) -> float:
    """Return the p-value of the two-sample Anderson-Darling test, from 0.001 to 0.25.

    Scholz and Stephens (1987), equation 7, with middle ranks; their table is interpolated by a
    parabola through the logarithms, as by ``scipy.stats.anderson_ksamp``, and ends at 0.001 and
    0.25: beyond, the value only says which side it is on.
    """
    n, m = reference.n, current.n
    rows = n + m
    if not n or not m or rows < 4:
        return np.nan
    if reference.minimum == current.maximum == reference.maximum == current.minimum:
        return np.nan
    total = 0.0
    for each in tied_values(reference.sorted, current.sorted):
        tied = (each.first + each.second).astype(np.float64)
        own = each.first_below + each.first / 2
        both = own + each.second_below + each.second / 2
        total += float(
            np.sum(tied * (rows * own - both * n) ** 2 / (both * (rows - both) - rows * tied / 4))
        )
    statistic = total / rows * (1 / n + 1 / m) * (rows - 1) / rows
    standardized = (statistic - 1) / math.sqrt(_anderson_variance(n, m))
    if standardized < _CRITICAL[0]:
        return 0.25
    if standardized > _CRITICAL[-1]:
        return 0.001
    parabola = np.polyfit(_CRITICAL, np.log(_P_VALUES), 2)
    return float(np.exp(np.polyval(parabola, standardized)))


def _anderson_variance(n: int, m: int) -> float:
    """Return the variance of Anderson and Darling's statistic (Scholz and Stephens, equation 4).

    Their sums over all rows are harmonic numbers, and these have closed forms.
    """
    from scipy.special import psi, zeta

    rows = n + m
    h = float(psi(rows)) + float(np.euler_gamma)
    g = math.pi**2 / 6 - float(zeta(2, rows)) - 2 * h / rows
    inverse = 1 / n + 1 / m
    a = (4 * g - 6) + (10 - 6 * g) * inverse
    b = 4 * (2 * g - 4) + 16 * h + (2 * g - 14 * h - 4) * inverse - 8 * h + 4 * g - 6
    c = 4 * (6 * h + 2 * g - 2) + 2 * (4 * h - 4 * g + 6) + (2 * h - 6) * inverse + 4 * h
    d = 4 * (2 * h + 6) - 8 * h
    whole = float(rows)
    return (a * whole**3 + b * whole**2 + c * whole + d) / ((whole - 1) * (whole - 2) * (whole - 3))
