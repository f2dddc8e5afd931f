"""Which columns of a monitor are judged, and as what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from monitoring_jobs.errors import TerminalError
from monitoring_jobs.spec import Columns, MonitorSpec

Kind = Literal["numerical", "categorical"]


@dataclass(frozen=True, slots=True)
class Features:
    """The judged columns in a fixed order, each with the kind it is judged as.

    Attributes:
        inputs: The model's inputs; they make up the dataset's share of drifted columns.
        outputs: The prediction, judged like any column but no part of that share.
    """

    inputs: Mapping[str, Kind]
    outputs: Mapping[str, Kind]

    @property
    def all(self) -> Mapping[str, Kind]:
        """Inputs, then outputs."""
        return {**self.inputs, **self.outputs}


def choose_features(
    spec: MonitorSpec,
    reference: Mapping[str, str],
    signature: Mapping[str, str] | None,
) -> Features:
    """Take the file's lists, else the model's signature, else the reference's columns.

    Args:
        spec: The monitor.
        reference: Kind of every column of the reference.
        signature: Kind of every input of the model; None where there is no signature.

    Raises:
        TerminalError: Nothing is left to judge.
    """
    roles = set(role_columns(spec))
    inputs: dict[str, Kind] = {}
    if spec.columns.numerical or spec.columns.categorical:
        inputs.update(dict.fromkeys(spec.columns.numerical, "numerical"))
        inputs.update(dict.fromkeys(spec.columns.categorical, "categorical"))
    else:
        for name, kind in (signature or reference).items():
            if name in roles:
                continue
            if kind == "numerical":
                inputs[name] = "numerical"
            elif kind == "categorical":
                inputs[name] = "categorical"
    if not inputs:
        raise TerminalError(
            f"monitor {spec.name!r}: no column of the reference can be judged",
            "name some under columns.numerical or columns.categorical",
        )
    outputs: dict[str, Kind] = {}
    prediction = spec.columns.prediction
    if prediction is not None and prediction not in inputs:
        numeric = spec.task == "regression" or (
            spec.task is None and reference.get(prediction) == "numerical"
        )
        outputs[prediction] = "numerical" if numeric else "categorical"
    return Features(inputs, outputs)


def role_columns(spec: MonitorSpec) -> list[str]:
    """Return the columns that place, label or identify rows and are no features."""
    named = [spec.data.timestamp, *_labels(spec.columns), spec.columns.id]
    reference_timestamp = getattr(spec.reference, "timestamp", None)
    return [name for name in (*named, reference_timestamp) if name is not None]


def label_columns(spec: MonitorSpec) -> set[str]:
    """Return the columns that the file declares to hold labels, whatever these look like."""
    columns = spec.columns
    named = {*columns.categorical, *spec.segments, columns.id}
    if spec.task == "classification":
        named |= {columns.prediction, columns.target}
    return {name for name in named if name is not None} - set(columns.numerical)


def probability_columns(columns: Columns) -> dict[str, str]:
    """Return probability columns by class; the single positive class is called ``""``."""
    if columns.probability is None:
        return {}
    if isinstance(columns.probability, str):
        return {"": columns.probability}
    return dict(columns.probability)


def _labels(columns: Columns) -> list[str | None]:
    return [columns.prediction, columns.target, *probability_columns(columns).values()]
