"""Grafana's transformations of results, as far as the dashboards use them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tests.grafana.frames import Field, Frame


class UnknownTransformation(ValueError):
    """One that the harness cannot follow."""


def transform(frames: Sequence[Frame], steps: Sequence[Mapping[str, Any]]) -> list[Frame]:
    """Apply the transformations of a panel, in order.

    Raises:
        UnknownTransformation: The harness does not know one.
    """
    result = list(frames)
    for step in steps:
        if step.get("disabled"):
            continue
        if step["id"] not in _STEPS:
            raise UnknownTransformation(f"the harness knows no transformation {step['id']}")
        result = _STEPS[step["id"]](result, step.get("options") or {})
    return result


def _merge(frames: Sequence[Frame], options: Mapping[str, Any]) -> list[Frame]:
    """Make one table: rows that agree in the columns which all tables have become one."""
    frames = [frame for frame in frames if frame.fields]
    if len(frames) < 2:
        return list(frames)
    shared = set.intersection(*({field.name for field in frame.fields} for frame in frames))
    kinds: dict[str, Field] = {}
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for frame in frames:
        for column in frame.fields:
            kinds.setdefault(column.name, column)
        for place in range(frame.rows):
            row = {field.name: field.values[place] for field in frame.fields}
            rows.setdefault(tuple(row[name] for name in sorted(shared)), {}).update(row)
    fields = [
        replace(field, values=[row.get(name) for row in rows.values()])
        for name, field in kinds.items()
    ]
    return [Frame(frames[0].ref_id, tuple(fields))]


def _organize(frames: Sequence[Frame], options: Mapping[str, Any]) -> list[Frame]:
    """Leave columns out, sort them and name them."""
    left_out = {name for name, out in (options.get("excludeByName") or {}).items() if out}
    order = options.get("indexByName") or {}
    names = options.get("renameByName") or {}

    def organized(frame: Frame) -> Frame:
        kept = [field for field in frame.fields if field.name not in left_out]
        kept.sort(key=lambda field: order.get(field.name, len(order)))
        return frame.with_fields(
            [replace(field, name=names.get(field.name) or field.name) for field in kept]
        )

    return [organized(frame) for frame in frames]


_STEPS: Mapping[str, Callable[[Sequence[Frame], Mapping[str, Any]], list[Frame]]] = {
    "merge": _merge,
    "organize": _organize,
}


def letter_values(frames: Sequence[Frame]) -> list[Frame]:
    """Name the values of several Prometheus tables ``Value #A``, ``Value #B``, as Grafana does."""
    tables = [frame for frame in frames if _is_prometheus_table(frame)]
    if len({frame.ref_id for frame in tables}) < 2:
        return list(frames)
    return [_lettered(frame) if frame in tables else frame for frame in frames]


def _is_prometheus_table(frame: Frame) -> bool:
    last = frame.fields[-1] if frame.fields else None
    return last is not None and last.name == "Value" and last.legend is None


def _lettered(frame: Frame) -> Frame:
    *labels, value = frame.fields
    return frame.with_fields([*labels, replace(value, name=f"Value #{frame.ref_id}")])
