"""How a variable's value is written into a query: ``${name:format}`` and each source's default."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from urllib.parse import quote

Value = str | tuple[str, ...]
Format = Callable[[Value], str]

_REGEX = re.compile(r"[\\^$*+?.()|\[\]{}/]")
_PROMQL = re.compile(r"[$^*{}\[\]'+?.()|]")


class UnknownFormat(ValueError):
    """A format that Grafana does not have: it would fall back to another silently."""


def values_of(value: Value) -> Sequence[str]:
    return (value,) if isinstance(value, str) else value


def quoted(text: str) -> str:
    """Return an SQL string, as the datasource writes it."""
    return "'" + text.replace("'", "''") + "'"


def sqlstring(text: str) -> str:
    """Return an SQL string, as ``${name:sqlstring}`` is written: it escapes double quotes too."""
    return quoted(text.replace('"', '\\"'))


def _joined(each: Callable[[str], str], separator: str = ",") -> Format:
    return lambda value: separator.join(each(one) for one in values_of(value))


def _regex(value: Value) -> str:
    escaped = [_REGEX.sub(r"\\\g<0>", one) for one in values_of(value)]
    return escaped[0] if len(escaped) == 1 else "(" + "|".join(escaped) + ")"


def _glob(value: Value) -> str:
    if isinstance(value, str):
        return value
    return value[0] if len(value) == 1 else "{" + ",".join(value) + "}"


def _json(value: Value) -> str:
    return json.dumps(value if isinstance(value, str) else list(value))


FORMATS: dict[str, Format] = {
    "raw": _joined(str),
    "csv": _joined(str),
    "text": _joined(str, " + "),
    "pipe": _joined(str, "|"),
    "glob": _glob,
    "json": _json,
    "regex": _regex,
    "sqlstring": _joined(sqlstring),
    "singlequote": _joined(lambda one: "'" + one.replace("'", "\\'") + "'"),
    "doublequote": _joined(lambda one: '"' + one.replace('"', '\\"') + '"'),
    "percentencode": lambda value: quote(_glob(value), safe=""),
    "uriencode": lambda value: quote(_glob(value), safe=""),
}


def format_named(name: str) -> Format:
    """Return a format by its name."""
    try:
        return FORMATS[name]
    except KeyError:
        raise UnknownFormat(f"unknown format {name!r}; known: {', '.join(FORMATS)}") from None


def sql_default(value: Value, *, several: bool) -> str:
    """Write a value as the SQL datasources do without a format.

    Args:
        value: One or more.
        several: Whether the variable is multi or has All: only then are quotes put around.
    """
    if isinstance(value, str):
        return quoted(value) if several else value.replace("'", "''")
    return ",".join(quoted(one) for one in value)


def promql_default(value: Value, *, several: bool) -> str:
    """Write a value as the Prometheus datasource does without a format: for a quoted regex."""
    if isinstance(value, str) and not several:
        return value.replace("\\", "\\\\").replace("'", "\\\\'")
    escaped = [_PROMQL.sub(r"\\\\\g<0>", one.replace("\\", "\\\\\\\\")) for one in values_of(value)]
    return escaped[0] if len(escaped) == 1 else "(" + "|".join(escaped) + ")"


def text_default(value: Value, *, several: bool) -> str:
    """Write a value as titles, links and texts do without a format."""
    return _glob(value)
