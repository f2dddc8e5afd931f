"""Predictions and targets of a window; classes brought to one spelling and numbered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self, TypeAlias

import numpy as np
import pyarrow as pa

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
    """

    task: Literal["classification", "regression"]
    prediction: Values
    target: Values
    probabilities: Mapping[str, Values] | Values | None = None
    positive_label: str | None = None

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
        names: The labels in target, prediction, probabilities and ``positive_label``; as numbers
            if all of them are, else as text.
        target: Number of each row's class; -1 where it is missing.
        prediction: Number of each row's predicted class; -1 where it is missing.
        probabilities: Probability by class number; NaN where it is missing. The number -1 stands
            for the positive class, whichever that is.
        declared: Number of the ``positive_label``; None where there is none.
    """

    names: tuple[str, ...]
    target: Integers
    prediction: Integers
    probabilities: Mapping[int, Floats]
    declared: int | None

    @classmethod
    def of(
        cls,
        target: Values,
        prediction: Values,
        probabilities: Mapping[str, Values],
        positive_label: str | None,
    ) -> Self:
        """Number the rows; labels are text; the probabilities' key ``""`` is the positive class.

        Where one side writes ``True`` and ``False`` and the other ``1`` and ``0``, they mean the
        same.
        """
        encoded = [_encode(target), _encode(prediction)]
        named = [label for label in probabilities if label]
        declared = [] if positive_label is None else [positive_label]
        spelling = _spelling({*encoded[0][0], *encoded[1][0], *named, *declared})
        names = _ascending(set(spelling.values()))
        number = {label: names.index(name) for label, name in spelling.items()} | {"": -1}
        numbered = [_renumber(labels, codes, number) for labels, codes in encoded]
        return cls(
            names=names,
            target=numbered[0],
            prediction=numbered[1],
            probabilities={number[k]: floats(values) for k, values in probabilities.items()},
            declared=None if positive_label is None else number[positive_label],
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
        elsewhere = self.declared in self.probabilities or any(
            np.any(side == self.declared) for side in (self.target, self.prediction)
        )
        return not elsewhere

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
    numbers: Floats = (
        values.to_numpy()
        if isinstance(values, pa.ChunkedArray)
        else values.to_numpy(zero_copy_only=False)
    )
    return numbers


def _encode(values: Values) -> tuple[list[str], Integers]:
    """Return the labels that occur and each row's position among them; -1 where it is missing."""
    whole = pa.chunked_array([values]) if isinstance(values, pa.Array) else values
    if not pa.types.is_dictionary(whole.type):
        whole = whole.dictionary_encode()
    whole = whole.unify_dictionaries()
    if not len(whole):
        return [], np.zeros(0, dtype=np.int64)
    labels: list[str | None] = whole.chunk(0).dictionary.to_pylist()
    codes = np.concatenate([c.indices.fill_null(-1).to_numpy() for c in whole.chunks])
    used = np.bincount(codes + 1, minlength=len(labels) + 1)[1:] > 0
    kept = [i for i, label in enumerate(labels) if used[i] and label is not None]
    position = np.full(len(labels) + 1, -1, dtype=np.int64)
    position[kept] = np.arange(len(kept))
    return [str(labels[i]) for i in kept], position[codes]


def _renumber(labels: list[str], codes: Integers, number: Mapping[str, int]) -> Integers:
    # The last place is what -1, a missing label, points to.
    return np.array([*(number[label] for label in labels), -1], dtype=np.int64)[codes]


def _spelling(labels: set[str]) -> dict[str, str]:
    """Return the common spelling of each label."""
    lower = {label.lower() for label in labels}
    mixed = lower & set(_TRUTH) and lower & {"0", "1"} and lower <= {*_TRUTH, "0", "1"}
    return {label: _TRUTH.get(label.lower(), label) if mixed else label for label in labels}


def _ascending(names: set[str]) -> tuple[str, ...]:
    ordered = sorted(names)
    numbers = as_numbers(pa.array(ordered, pa.string()))
    if numbers is not None:
        ordered = [ordered[i] for i in np.argsort(numbers, kind="stable")]
    return tuple(ordered)
