"""Scores of predicted classes; definitions as in scikit-learn 1.9 (``sklearn.metrics``).

Classes are numbered from 0. Every function returns NaN where its score is not defined.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from monitoring_jobs.statistics.numeric import Floats, Integers


@dataclass(frozen=True, slots=True, eq=False)
class ClassCounts:
    """What accuracy, precision, recall and F1 are made of, by class.

    Attributes:
        hits: Rows of the class that were predicted as such.
        predicted: Rows that were predicted to be of the class.
        actual: Rows of the class.
    """

    hits: Integers
    predicted: Integers
    actual: Integers

    @classmethod
    def of(cls, target: Integers, prediction: Integers, classes: int) -> Self:
        """Count rows, given the number of each row's class and of the predicted one."""
        return cls(
            hits=np.bincount(target[target == prediction], minlength=classes),
            predicted=np.bincount(prediction, minlength=classes),
            actual=np.bincount(target, minlength=classes),
        )

    @property
    def accuracy(self) -> float:
        """The share of rows whose class was predicted."""
        return _ratio(self.hits.sum(), self.actual.sum())

    def precision(self, positive: int | None = None) -> float:
        """Return the share of hits among the rows predicted to be of a class.

        Args:
            positive: The class; None means the unweighted mean over all classes that occur, in
                which a class without such rows counts as 0.
        """
        return _average(self.hits, self.predicted, self._occurring, positive)

    def recall(self, positive: int | None = None) -> float:
        """Return the share of hits among the rows of a class; ``positive`` as in ``precision``."""
        return _average(self.hits, self.actual, self._occurring, positive)

    def f1(self, positive: int | None = None) -> float:
        """Return the harmonic mean of precision and recall; ``positive`` as in ``precision``."""
        return _average(2 * self.hits, self.predicted + self.actual, self._occurring, positive)

    @property
    def _occurring(self) -> NDArray[np.bool_]:
        return (self.predicted + self.actual) > 0


def roc_auc(positive: NDArray[np.bool_], score: Floats) -> float:
    """Return the probability that a positive row outscores a negative one; ties count half.

    By the rank sum of Mann and Whitney (1947): one sort, no curve. NaN without rows of both sorts.

    Args:
        positive: Which rows are of the positive class.
        score: The higher, the likelier positive; infinities are fine, NaN is not.
    """
    positives = int(np.count_nonzero(positive))
    negatives = positive.size - positives
    if not positives or not negatives:
        return np.nan
    order = np.argsort(score)
    ordered, hits = score[order], positive[order]
    first = np.concatenate(([0], np.flatnonzero(ordered[1:] != ordered[:-1]) + 1))
    ties = np.diff(first, append=positive.size)
    positives_in_tie = np.add.reduceat(hits, first, dtype=np.int64)
    # Twice the mean rank of a tie is a whole number, so nothing is rounded before the division.
    twice_rank_sum = int(np.dot(2 * first + ties + 1, positives_in_tie))
    wins = twice_rank_sum - positives * (positives + 1)
    return wins / (2 * positives * negatives)


def log_loss(probability: Floats) -> float:
    """Return the mean negative logarithm of the probabilities given to what came true.

    Args:
        probability: Of each row's actual class, within 0 and 1; kept away from both ends by
            float64's epsilon.
    """
    if not probability.size:
        return np.nan
    eps = np.finfo(np.float64).eps
    return float(-np.log(np.clip(probability, eps, 1 - eps)).mean())


def _average(
    part: Integers, whole: Integers, occurring: NDArray[np.bool_], positive: int | None
) -> float:
    if positive is not None:
        return _ratio(part[positive], whole[positive])
    if not occurring.any():
        return np.nan
    part, whole = part[occurring], whole[occurring]
    return float(np.divide(part, whole, out=np.zeros(part.size), where=whole > 0).mean())


def _ratio(part: np.int64, whole: np.int64) -> float:
    return int(part) / int(whole) if whole else np.nan
