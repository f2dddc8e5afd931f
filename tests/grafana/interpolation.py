"""Replaces ``$name``, ``${name}``, ``${name:format}`` and ``[[name]]`` in a text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import quote

from tests.grafana.formats import Value, format_named, values_of
from tests.grafana.time_range import TimeRange, format_duration

_REFERENCE = re.compile(
    r"\$(?P<plain>\w+)"
    r"|\[\[(?P<square>\w+?)(?::(?P<square_format>\w+))?\]\]"
    r"|\$\{(?P<braced>\w+)(?:\.(?P<path>[^:}]+))?(?::(?P<format>[^}]+))?\}"
)
# Filled in per field, row or value, or by whoever follows the link.
_LATER = frozenset(
    {"__data", "__field", "__series", "__value", "__url_time_range", "__all_variables", "__name"}
)


class Unreplaced(ValueError):
    """A reference to no variable: Grafana sends it to the datasource as it stands."""


class Default(Protocol):
    """Writes a value where no format is named."""

    def __call__(self, value: Value, *, several: bool) -> str: ...


@dataclass(frozen=True)
class Chosen:
    """A variable's choice.

    Attributes:
        value: One value, or several.
        several: Whether the variable is multi or has All, which changes the default formats.
        literal: Whether it is a custom "all" value, which is written as it stands.
        text: What the person sees.
    """

    value: Value
    several: bool = False
    literal: bool = False
    text: str = ""


Scope = Mapping[str, Chosen]


def interpolate(text: str, scope: Scope, default: Default, *, later: bool = False) -> str:
    """Replace every reference to a variable.

    Args:
        text: A query, a title, an address.
        scope: The variables.
        default: The format where none is named.
        later: Whether references that are filled in by field or row may stay.

    Raises:
        Unreplaced: A name is no variable.
        UnknownFormat: A format is not Grafana's.
    """

    def replaced(found: re.Match[str]) -> str:
        name = found["plain"] or found["square"] or found["braced"]
        if name.isdigit() or (later and name in _LATER):
            return found[0]
        if name not in scope:
            # A macro: the datasource replaces it.
            if found["plain"] and text[found.end() : found.end() + 1] == "(":
                return found[0]
            raise Unreplaced(f"{found[0]} is no variable; known: {', '.join(sorted(scope))}")
        form = found["format"] or found["square_format"]
        if form == "queryparam":
            return "&".join(f"var-{name}={quote(one)}" for one in values_of(scope[name].value))
        return _written(scope[name], form, default)

    return _REFERENCE.sub(replaced, text)


def references(text: str) -> set[str]:
    """Return the names that a text refers to, macros included."""
    found = _REFERENCE.finditer(text)
    return {one["plain"] or one["square"] or one["braced"] for one in found}


def _written(chosen: Chosen, form: str | None, default: Default) -> str:
    if form and form.startswith("date"):
        return _date(chosen.value, form)
    if form == "text":
        return chosen.text or format_named(form)(chosen.value)
    if chosen.literal:
        assert isinstance(chosen.value, str)
        return chosen.value
    if form:
        return format_named(form)(chosen.value)
    return default(chosen.value, several=chosen.several)


def _date(value: Value, form: str) -> str:
    assert isinstance(value, str)
    at = datetime.fromtimestamp(int(value) / 1000, UTC)
    kind = form.partition(":")[2] or "iso"
    if kind == "seconds":
        return str(int(at.timestamp()))
    if kind == "iso":
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    raise Unreplaced(f"the harness does not know the date format {kind}")


def builtins(span: TimeRange, interval: float, rate_interval: float) -> dict[str, Chosen]:
    """Return Grafana's own variables.

    Args:
        span: The time range.
        interval: Seconds between points.
        rate_interval: What ``$__rate_interval`` is.
    """
    texts = {
        "__from": round(span.start.timestamp() * 1000),
        "__to": round(span.end.timestamp() * 1000),
        "__interval": format_duration(interval),
        "__interval_ms": round(interval * 1000),
        "__rate_interval": format_duration(rate_interval),
        "__rate_interval_ms": round(rate_interval * 1000),
        "__range": f"{round(span.seconds)}s",
        "__range_s": round(span.seconds),
        "__range_ms": round(span.seconds * 1000),
        "__dashboard": "dashboard",
        "__org": 1,
        "__user": "somebody",
    }
    return {name: Chosen(str(value)) for name, value in texts.items()}
