"""What a query returns: columns of one length, as Grafana's data frames are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What a field's values are."""

    TIME = "time"
    NUMBER = "number"
    STRING = "string"
    BOOLEAN = "boolean"


@dataclass(frozen=True)
class Field:
    """One column.

    Attributes:
        name: Of the column.
        kind: What its values are; a time is in seconds since 1970.
        values: One a row; None where there is none.
        labels: Of the series, where it is one.
        legend: The name that the datasource gives it, which wins over its own.
    """

    name: str
    kind: Kind
    values: Sequence[Any]
    labels: Mapping[str, str] = field(default_factory=dict)
    legend: str | None = None

    @property
    def numbers(self) -> list[float]:
        """The finite numbers in it."""
        if self.kind is not Kind.NUMBER:
            return []
        return [float(value) for value in self.values if value is not None and finite(value)]


@dataclass(frozen=True)
class Frame:
    """The columns of one result."""

    ref_id: str
    fields: tuple[Field, ...]

    @property
    def rows(self) -> int:
        return len(self.fields[0].values) if self.fields else 0

    def of(self, *kinds: Kind) -> list[Field]:
        return [one for one in self.fields if one.kind in kinds]

    @property
    def time(self) -> Field | None:
        """The first column of times."""
        return next(iter(self.of(Kind.TIME)), None)

    def with_fields(self, fields: Sequence[Field]) -> Frame:
        return replace(self, fields=tuple(fields))

    def take(self, rows: Sequence[int]) -> Frame:
        """Return some of the rows, in the order given."""
        return self.with_fields(
            [replace(one, values=[one.values[row] for row in rows]) for one in self.fields]
        )


def known(value: object) -> bool:
    """Tell whether there is a value: neither null nor NaN."""
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def finite(value: float) -> bool:
    return not (math.isnan(value) or math.isinf(value))


def display_name(one: Field, frames: Sequence[Frame]) -> str:
    """Return what Grafana calls a field where nothing in the panel names it."""
    if one.legend:
        return one.legend
    parts = [] if one.name == "Value" else [one.name]
    if one.labels:
        names = {name for frame in frames for each in frame.fields for name in each.labels}
        if len(names) == 1:
            parts.extend(one.labels.values())
        else:
            pairs = sorted(one.labels.items())
            parts.append("{" + ", ".join(f'{name}="{value}"' for name, value in pairs) + "}")
    return " ".join(parts) or one.name


def fill_pattern(pattern: str, one: Field, frames: Sequence[Frame]) -> str:
    """Replace what a display name may say of its field and labels."""
    text = pattern.replace("${__field.name}", one.name)
    text = text.replace("${__field.displayName}", display_name(one, frames))
    text = text.replace("${__series.name}", display_name(one, frames))
    for name, value in one.labels.items():
        for form in (f"${{__field.labels.{name}}}", f'${{__field.labels["{name}"]}}'):
            text = text.replace(form, value)
    return text
