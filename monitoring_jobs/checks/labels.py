"""Predictions and targets of a window; classes brought to one spelling and numbered."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Literal, Self, TypeAlias

import numpy as np
import pyarrow as pa

from monitoring_jobs.statistics.buffers import to_numpy, to_strings
from monitoring_jobs.statistics.categorical import as_numbers
from monitoring_jobs.statistics.numeric import Floats, Integers

Values: TypeAlias = pa.Array | pa.ChunkedArray

_TRUTH = {"true": "1", "false": "0"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledRows:
    """Predictions and targets of the same rows, in the same order.

    Attributes:
        task: What was predicted.
        prediction: Classes as text (dictionary-encoded or plain), or numbers for regression.
        target: Like ``prediction``; null where no label has come yet.
        probabilities: Numbers by class; the key ``""``, or a single column instead of a mapping,
            is the positive class.
        positive_label: The positive one of two classes; by default the greater.
        classes: Labels known beforehand, from the reference or the whole window. How many classes
            there are must not hang on which of them occur in these rows.
    """

    task: Literal["classification", "regression"]
    prediction: Values
    target: Values
    probabilities: Mapping[str, Values] | Values | None = None
    positive_label: str | None = None
    classes: Collection[str] = ()

    def __post_init__(self) -> None:
        columns = [self.prediction, self.target, *self.by_class.values()]
        if len({len(column) for column in columns}) > 1:
            raise ValueError("prediction, target and probabilities differ in length")

    @property
    def by_class(self) -> Mapping[str, Values]:
        """The probabilities as a mapping, which may be empty."""
        if self.probabilities is None:
            return {}
        if isinstance(self.probabilities, Mapping):
            return self.probabilities
        return {"": self.probabilities}


@dataclass(frozen=True, slots=True, eq=False)
class Classes:
    """The classes that a window speaks of, in ascending order, and the rows numbered by them.

    Attributes:
        names: The labels in target, prediction, probabilities and ``positive_label``, and those
            known beforehand; in the order of numbers if all of them are numbers, else of text.
        target: Number of each row's class; -1 where it is missing.
        prediction: Number of each row's predicted class; -1 where it is missing.
        probabilities: Probability by class number; NaN where it is missing. The number -1 stands
            for the positive class, whichever that is.
        declared: Number of the ``positive_label``; None where there is none.
        known: Numbers of the classes known beforehand.
    """

    names: tuple[str, ...]
    target: Integers
    prediction: Integers
    probabilities: Mapping[int, Floats]
    declared: int | None
    known: frozenset[int] = frozenset()

    @classmethod
    def of(
        cls,
        target: Values,
        prediction: Values,
        probabilities: Mapping[str, Values],
        positive_label: str | None,
        known: Collection[str] = (),
    ) -> Self:
        """Number the rows; labels are text; the probabilities' key ``""`` is the positive class.

        Where one side writes ``True`` and ``False`` and the other ``1`` and ``0``, they mean the
        same, and so do ``0.0`` and ``0`` where all labels are numbers.
        """
        encoded = [_encode(target), _encode(prediction)]
        named = [label for label in probabilities if label]
        declared = [] if positive_label is None else [positive_label]
        spelling = _spelling({*encoded[0][0], *encoded[1][0], *named, *declared, *known})
        names = _ascending(set(spelling.values()))
        position = {name: i for i, name in enumerate(names)}
        number = {label: position[name] for label, name in spelling.items()}
        by_class = {number[k] if k else -1: floats(v) for k, v in probabilities.items()}
        numbered = [_renumber(labels, codes, number) for labels, codes in encoded]
        return cls(
            names=names,
            target=numbered[0],
            prediction=numbered[1],
            probabilities=by_class,
            declared=None if positive_label is None else number[positive_label],
            known=frozenset(number[label] for label in known),
        )

    @property
    def positive(self) -> int | None:
        """The positive one of two classes: the declared one, else the greater; None otherwise."""
        if len(self.names) != 2:
            return None
        return 1 if self.declared is None else self.declared

    @property
    def is_stray_positive(self) -> bool:
        """Whether the declared label is a third one beside two that the data hold."""
        if self.declared is None or len(self.names) != 3:
            return False
        seen = _seen(self.target) | _seen(self.prediction)
        return self.declared not in seen | self.known | self.probabilities.keys()

    @property
    def foreign(self) -> str:
        """Say that target and prediction have no class in common; empty where they may have.

        Two classes in all, or a probability for every class that occurs, make it a window whose
        predictions are all wrong rather than two spellings of the labels.
        """
        actual, predicted = _seen(self.target), _seen(self.prediction)
        if not actual or not predicted or actual & predicted:
            return ""
        if (self.known and len(self.names) == 2) or actual | predicted <= self.probabilities.keys():
            return ""
        return f"target has {len(actual)} classes, prediction {len(predicted)}, and they share none"

    def probability_of(self, number: int) -> Floats | None:
        """Return each row's probability of a class; None where there is no way to know it."""
        if number in self.probabilities:
            return self.probabilities[number]
        if self.positive is None:
            return None
        if -1 in self.probabilities:
            given = self.probabilities[-1]
            return given if number == self.positive else 1 - given
        other = self.probabilities.get(1 - number)
        return None if other is None else 1 - other


def floats(values: Values) -> Floats:
    """Return an arrow column of numbers as float64 with NaN for nulls."""
    if not pa.types.is_float64(values.type):
        values = values.cast(pa.float64(), safe=False)
    return to_numpy(values, null=np.nan)


def _encode(values: Values) -> tuple[list[str], Integers]:
    """Return the labels that occur and each row's position among them; -1 where it is missing."""
    whole = pa.chunked_array([values]) if isinstance(values, pa.Array) else values
    if not pa.types.is_dictionary(whole.type):
        whole = whole.dictionary_encode()
    whole = whole.unify_dictionaries()
    if not len(whole):
        return [], np.zeros(0, dtype=np.int64)
    labels: list[str | None] = whole.chunk(0).dictionary.to_pylist()
    codes = np.concatenate([to_numpy(c.indices, null=-1) for c in whole.chunks])
    used = np.bincount(codes + 1, minlength=len(labels) + 1)[1:] > 0
    kept = [i for i, label in enumerate(labels) if used[i] and label is not None]
    position = np.full(len(labels) + 1, -1, dtype=np.int64)
    position[kept] = np.arange(len(kept))
    return [str(labels[i]) for i in kept], position[codes]


def _seen(numbered: Integers) -> set[int]:
    # The first place counts the missing ones, whose number is -1.
    return set(np.flatnonzero(np.bincount(numbered + 1)[1:]).tolist())


def _renumber(labels: list[str], codes: Integers, number: Mapping[str, int]) -> Integers:
    # The last place is what -1, a missing label, points to.
    return np.array([*(number[label] for label in labels), -1], dtype=np.int64)[codes]


def _spelling(labels: set[str]) -> dict[str, str]:
    """Return the common spelling of each label."""
    as_text = {label: label for label in labels}
    truths = {label: Decimal(_TRUTH[label.lower()]) for label in labels if label.lower() in _TRUTH}
    rest = sorted(labels - truths.keys())
    if rest and as_numbers(to_strings(rest)) is None:
        return as_text
    try:
        # Exact, for a float64 would make one class of two long integers.
        numbers = {label: Decimal(label) for label in rest}
    except InvalidOperation:  # an exponent beyond reason
        return as_text
    if truths and not set(numbers.values()) <= {Decimal(0), Decimal(1)}:
        return as_text
    numbers |= truths
    shortest: dict[Decimal, str] = {}
    for label in sorted(labels, key=lambda label: (len(label), label)):
        shortest.setdefault(numbers[label], _TRUTH.get(label.lower(), label))
    return {label: shortest[number] for label, number in numbers.items()}


def _ascending(names: set[str]) -> tuple[str, ...]:
    ordered = sorted(names)
    numbers = as_numbers(to_strings(ordered))
    if numbers is not None:
        ordered = [ordered[i] for i in np.argsort(numbers, kind="stable")]
    return tuple(ordered)
