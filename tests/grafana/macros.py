"""The macros of Grafana's Postgres datasource, such as ``$__timeFilter(window_start)``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from tests.grafana.time_range import TimeRange, parse_duration

# As in Grafana, an argument ends at the first parenthesis: none may hold a function call.
_CALL = re.compile(r"\$(__[_a-zA-Z0-9]+)\(([^)]*)\)")
_LEFT_OVER = re.compile(r"\$__\w*|\$\{[^}]*\}?|\[\[\w+\]\]")


class BadMacro(ValueError):
    """A macro that is unknown, or lacks an argument."""


def expand_macros(sql: str, span: TimeRange) -> str:
    """Replace the macros of a query in which variables have been replaced.

    Raises:
        BadMacro: One is unknown or lacks arguments, or something like a variable is left.
    """

    def replaced(found: re.Match[str]) -> str:
        name, arguments = found[1], [one.strip() for one in found[2].split(",")]
        # As Grafana does: with a comma after it, it is taken for a column.
        if name == "__timeGroup" and sql[found.end() : found.end() + 1] == ",":
            name = "__timeGroupAlias"
        if name not in _MACROS:
            raise BadMacro(f"unknown macro ${name}")
        least, expand = _MACROS[name]
        if len([one for one in arguments if one]) < least:
            raise BadMacro(f"${name} needs {least} arguments: {found[0]}")
        return expand(arguments, span)

    expanded = _CALL.sub(replaced, sql)
    if left := _LEFT_OVER.search(expanded):
        raise BadMacro(f"{left[0]} is neither variable nor macro")
    return expanded


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _epoch(at: datetime) -> int:
    return round(at.timestamp())


def _nano(at: datetime) -> int:
    return round(at.timestamp() * 1000) * 1_000_000


def _time_group(arguments: Sequence[str], span: TimeRange) -> str:
    seconds = round(parse_duration(arguments[1]), 3)
    return f"floor(extract(epoch from {arguments[0]})/{seconds:g})*{seconds:g}"


def _epoch_group(arguments: Sequence[str], span: TimeRange) -> str:
    seconds = round(parse_duration(arguments[1]), 3)
    return f"floor(({arguments[0]})/{seconds:g})*{seconds:g}"


def _named(expand: Callable[[Sequence[str], TimeRange], str]) -> _Expand:
    return lambda arguments, span: expand(arguments, span) + ' AS "time"'


_Expand = Callable[[Sequence[str], TimeRange], str]
_MACROS: dict[str, tuple[int, _Expand]] = {
    "__time": (1, lambda given, span: f'{given[0]} AS "time"'),
    "__timeEpoch": (1, lambda given, span: f'extract(epoch from {given[0]}) AS "time"'),
    "__timeFilter": (
        1,
        lambda given, span: (
            f"{given[0]} BETWEEN '{_instant(span.start)}' AND '{_instant(span.end)}'"
        ),
    ),
    "__timeFrom": (0, lambda given, span: f"'{_instant(span.start)}'"),
    "__timeTo": (0, lambda given, span: f"'{_instant(span.end)}'"),
    "__timeGroup": (2, _time_group),
    "__timeGroupAlias": (2, _named(_time_group)),
    "__unixEpochFilter": (
        1,
        lambda given, span: (
            f"{given[0]} >= {_epoch(span.start)} AND {given[0]} <= {_epoch(span.end)}"
        ),
    ),
    "__unixEpochFrom": (0, lambda given, span: str(_epoch(span.start))),
    "__unixEpochTo": (0, lambda given, span: str(_epoch(span.end))),
    "__unixEpochNanoFilter": (
        1,
        lambda given, span: (
            f"{given[0]} >= {_nano(span.start)} AND {given[0]} <= {_nano(span.end)}"
        ),
    ),
    "__unixEpochNanoFrom": (0, lambda given, span: str(_nano(span.start))),
    "__unixEpochNanoTo": (0, lambda given, span: str(_nano(span.end))),
    "__unixEpochGroup": (2, _epoch_group),
    "__unixEpochGroupAlias": (2, _named(_epoch_group)),
}
