"""P-values by permutation: how often a random exchange of rows moves two columns as far apart.

The tests are those of Evidently 0.7.23 (``evidently.legacy.calculations.stattests``). Which rows
are exchanged is chance, and so is the p-value: within 0.03 for ``TVD``, within 0.1 for
``empirical_mmd``. Here chance is fixed: the random numbers are those of ``numpy.random.seed(0)``,
and the rows stand in ascending order, each column by itself. Evidently gives the same p-value for
rows in that order and that seed. It counts an exchange that ties with the columns as they are only
where rounding allows it, here ties always count.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from monitoring_jobs.statistics.buffers import to_mask, to_numpy
from monitoring_jobs.statistics.categorical import CategoricalColumn, align, positions_in
from monitoring_jobs.statistics.numeric import Floats, Integers, NumericColumn

SEED = 0
# Exchanges, as many as Evidently makes.
TVD_EXCHANGES = 1_000
MMD_EXCHANGES = 100
# Up to so many rows in both columns together each is exchanged, as Evidently does it; of more only
# the counts are drawn, which takes a time that does not hang on the rows.
MOST_ROWS_EXCHANGED = 20_000
# Of columns with more labels than this in both together so many rows a side are compared.
MOST_LABELS = 10_000
TVD_SAMPLE = 10_000
# MMD compares every row with every other: 32 MB for this many a side.
MMD_SAMPLE = 1_000
# Distances that differ by less are equal but for rounding.
_ROUNDING = 1e-12
_NUMBERS_AT_ONCE = 2**20


# --- total variation ------------------------------------------------------------------------------
def tvd(
    reference: CategoricalColumn, current: CategoricalColumn, exchanges: int = TVD_EXCHANGES
) -> float:
    """Return the p-value of the total variation distance, by permutation.

    The distance is half the sum of ``|p - q|`` over the labels; the p-value is the share of random
    exchanges after which it is at least as great. Beyond 20,000 rows the labels' counts after an
    exchange are drawn from their distribution, the multivariate hypergeometric one (Johnson, Kotz
    and Balakrishnan 1997), instead of exchanging rows: the same test on all rows, with other random
    numbers than Evidently's. Distances are compared as whole numbers.
    """
    if not reference.n or not current.n:
        return np.nan
    known, seen = _count_in_order(reference, current)
    if rows_compared_by_tvd(reference, current) is not None:
        known, seen = (_sample_counts(counts, side) for side, counts in enumerate((known, seen)))
        held = known + seen > 0
        known, seen = known[held], seen[held]
    n, m = int(known.sum()), int(seen.sum())
    labels = known + seen
    observed = int(np.abs(known * m - seen * n).sum())
    draw = _exchange_rows if n + m <= MOST_ROWS_EXCHANGED else _draw_counts
    at_least = 0
    for drawn in draw(known, seen, exchanges):
        apart = np.abs(drawn * (n + m) - labels * n).sum(axis=1)
        at_least += int(np.count_nonzero(apart >= observed))
    return at_least / exchanges


def rows_compared_by_tvd(reference: CategoricalColumn, current: CategoricalColumn) -> int | None:
    """Return how many rows a side ``tvd`` compares at most, or None for all."""
    if max(reference.n, current.n) <= TVD_SAMPLE:
        return None
    if reference.distinct + current.distinct <= MOST_LABELS:
        return None
    return TVD_SAMPLE if align(reference, current)[0].size > MOST_LABELS else None


def _count_in_order(
    reference: CategoricalColumn, current: CategoricalColumn
) -> tuple[Integers, Integers]:
    """Count both columns over the labels of either, in ascending order."""
    known, seen = align(reference, current)
    unseen = current.labels.filter(to_mask(positions_in(reference.labels, current.labels) < 0))
    every = pa.concat_arrays([reference.labels, unseen])
    order = to_numpy(pc.sort_indices(every), null=0)
    return known[order], seen[order]


def _exchange_rows(known: Integers, seen: Integers, exchanges: int) -> Iterator[Integers]:
    """Yield how often each label is in the reference after an exchange; one row an exchange."""
    labels = np.arange(known.size)
    rows = np.concatenate((np.repeat(labels, known), np.repeat(labels, seen)))
    random = np.random.RandomState(SEED)  # Evidently's generator
    for _ in range(exchanges):
        taken = rows[random.permutation(rows.size)[: known.sum()]]
        yield np.bincount(taken, minlength=known.size)[None, :]


def _draw_counts(known: Integers, seen: Integers, exchanges: int) -> Iterator[Integers]:
    """Yield the same as ``_exchange_rows``, several exchanges at once, drawn by their chances."""
    random = np.random.default_rng(SEED)
    step = max(1, _NUMBERS_AT_ONCE // known.size)
    for start in range(0, exchanges, step):
        yield random.multivariate_hypergeometric(
            known + seen, int(known.sum()), size=min(step, exchanges - start), method="marginals"
        )


def _sample_counts(counts: Integers, side: int) -> Integers:
    if counts.sum() <= TVD_SAMPLE:
        return counts
    random = np.random.default_rng([SEED, side])
    drawn: Integers = random.multivariate_hypergeometric(counts, TVD_SAMPLE, method="marginals")
    return drawn


# --- maximum mean discrepancy ---------------------------------------------------------------------
def empirical_mmd(reference: NumericColumn, current: NumericColumn) -> float:
    """Return the p-value of the maximum mean discrepancy, by permutation.

    The discrepancy is the unbiased one under a Gaussian kernel (Gretton et al. 2012, equation 3)
    whose width is the root of half the median squared distance in the reference. The p-value is
    the share of 100 random exchanges after which it is at least as great. Every row is compared
    with every other, hence at most 1,000 of either side are, drawn without replacement.
    """
    if min(reference.n, current.n) < 2:
        return np.nan
    own, other = (_sample(column.sorted, i) for i, column in enumerate((reference, current)))
    n, m = own.size, other.size
    with np.errstate(over="ignore", invalid="ignore"):
        kernel = _kernel(own, other)
    if not np.isfinite(kernel[0]).all():
        return np.nan
    random = np.random.RandomState(SEED)
    members = np.zeros((n + m, 1 + MMD_EXCHANGES))
    members[:n, 0] = 1.0
    for exchange in range(1, 1 + MMD_EXCHANGES):
        members[random.permutation(n + m)[:n], exchange] = 1.0
    discrepancies = _discrepancies(kernel, members)
    return float(np.mean(discrepancies[0] <= discrepancies[1:] + _ROUNDING))


def rows_compared_by_mmd(reference: NumericColumn, current: NumericColumn) -> int | None:
    """Return how many rows a side ``empirical_mmd`` compares at most, or None for all."""
    return MMD_SAMPLE if max(reference.n, current.n) > MMD_SAMPLE else None


def _sample(values: Floats, side: int) -> Floats:
    if values.size <= MMD_SAMPLE:
        return values
    # Each side by its own numbers: the same places of two columns are likelier alike than chance.
    places = np.random.default_rng([SEED, side]).choice(values.size, MMD_SAMPLE, replace=False)
    places.sort()
    return values[places]


def _kernel(own: Floats, other: Floats) -> NDArray[np.float64]:
    """Return how alike every value is to every other one, from 0 to 1; to itself 0."""
    values = np.concatenate((own, other))
    distances = np.subtract.outer(values, values)
    np.square(distances, out=distances)
    median = np.percentile(distances[: own.size, : own.size], 50, method="nearest")
    distances *= -1 / median if median > 0 else -1.0
    kernel: NDArray[np.float64] = np.exp(distances, out=distances)
    np.fill_diagonal(kernel, 0.0)
    return kernel


def _discrepancies(kernel: Floats, members: Floats) -> Floats:
    """Return the discrepancy of each choice of rows from the others.

    Args:
        kernel: Square, one row and column for each value.
        members: For each value a row, for each choice a column: 1 where the value is in it, else 0.
    """
    n = members[:, 0].sum()
    m = len(members) - n
    within = np.einsum("ij,ij->j", members, kernel @ members)
    between = kernel.sum(axis=0) @ members - within
    others = kernel.sum() - within - 2 * between
    discrepancies: Floats = within / (n * (n - 1)) + others / (m * (m - 1)) - 2 * between / (n * m)
    return discrepancies
