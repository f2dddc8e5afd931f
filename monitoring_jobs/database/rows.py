"""Rows for COPY: any scalar that a check or an extraction yields, as Postgres' text format."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any

import numpy as np
import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2's own name

from monitoring_jobs.database.files import queries

_NULL = r"\N"
# So many rows are encoded at once. A longest line times this is held in memory.
_BLOCK = 256
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_SPECIAL = re.compile("[\\\\\t\n\r\x00\ud800-\udfff]")
_NUL = r"\u0000"  # as JSON has it, and jsonb does not
_KEYS = frozenset({str})
_SCALARS = frozenset({str, int, float, bool, type(None)})
_to_json = json.JSONEncoder(allow_nan=False, ensure_ascii=False).encode
_ESCAPES = {"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"}


def copy_rows(
    cursor: Cursor, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> int:
    """Stream rows into a table by COPY and return how many there were.

    NaN, infinities and NaT become NULL; NUL characters and lone surrogates become U+FFFD; mappings
    and lists become JSON; numpy scalars become what they stand for.

    Args:
        cursor: Cursor of a transaction.
        table: Name of the table, with or without its schema.
        columns: The columns that each row gives, in order.
        rows: Read once, a few hundred at a time, never held as a whole.

    Raises:
        TypeError: A value of a type that has no column type.
        ValueError: A naive datetime, or a row of another length than ``columns``.
    """
    statement = sql.SQL(queries("database")["copy_rows"]).format(
        table=sql.Identifier(*table.split(".")),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
    )
    stream = _Stream(rows, len(columns))
    try:
        # The stubs want readline() as well; COPY FROM calls read() alone.
        cursor.copy_expert(statement, stream)  # type: ignore[arg-type]
    except psycopg2.Error:
        if stream.failure is not None:  # the driver reports it as a canceled statement
            raise stream.failure from None
        raise
    return stream.count


def clean_text(text: str) -> str:
    """Replace what Postgres cannot store in text: NUL and lone surrogates become U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


def needs_cleaning(texts: Iterable[str]) -> bool:
    """Whether ``clean_text`` would change any of many texts."""
    return _UNSTORABLE.search("".join(texts)) is not None


class _Stream:
    """A file of rows in COPY's text format, made as it is read, a block of rows at a time."""

    def __init__(self, rows: Iterable[Sequence[object]], width: int) -> None:
        self.count = 0
        self.failure: Exception | None = None
        self._rows = iter(rows)
        self._width = width

    def read(self, _size: int = -1) -> bytes:
        try:
            block = list(islice(self._rows, _BLOCK))
            self.count += len(block)
            return _lines(block, self._width).encode()
        except Exception as exc:
            self.failure = exc
            raise


def _lines(rows: Sequence[Sequence[object]], width: int) -> str:
    """Return rows as lines: by columns, whose values mostly are of one type and need no escape."""
    for row in rows:
        if len(row) != width:
            raise ValueError(f"a row of {len(row)} values for {width} columns")
    columns = [_column(values) for values in zip(*rows, strict=True)]
    return "".join(["\t".join(line) + "\n" for line in zip(*columns, strict=True)])


def _column(values: tuple[Any, ...]) -> Sequence[str]:
    first = values[0]
    if all(value is first for value in values):
        return [_encoded(first)] * len(values)
    kinds = set(map(type, values))
    # Subclasses whose text is themselves, such as StrEnum, pass as they are.
    if all(kind.__str__ is str.__str__ for kind in kinds):  # type: ignore[comparison-overlap]
        return values if _SPECIAL.search("".join(values)) is None else [_text(v) for v in values]
    return [_encoded(value) for value in values]


def _encoded(value: object) -> str:
    return _ENCODERS.get(type(value), _other)(value)


def _escape(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[0], "\ufffd")


def _text(value: str) -> str:
    return _SPECIAL.sub(_escape, value)


def _float(value: float) -> str:
    return repr(value) if math.isfinite(value) else _NULL


def _datetime(value: datetime) -> str:
    if value != value:  # noqa: PLR0124 - pandas' NaT is a datetime that equals nothing
        return _NULL
    if value.tzinfo is None:
        raise ValueError("a naive datetime cannot be stored; give it a time zone")
    return value.astimezone(UTC).isoformat()


def _decimal(value: Decimal) -> str:
    return str(value) if value.is_finite() else _NULL


def _json(value: object) -> str:
    return _text(_to_json(_plain(value)))


def _dict(value: dict[Any, Any]) -> str:
    """Return a document, by a shorter way where it is empty or holds nothing but plain scalars."""
    if not value:
        return "{}"
    if _KEYS.issuperset(map(type, value)) and _SCALARS.issuperset(map(type, value.values())):
        with suppress(ValueError):  # a NaN
            text = _to_json(value)
            if _NUL not in text and _SPECIAL.search(text) is None:
                return text
    return _json(value)


def _numpy(value: np.generic) -> str:
    return _encoded(_from_numpy(value))


_ENCODERS: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: _NULL,
    bool: lambda value: "t" if value else "f",
    int: str,
    float: _float,
    str: _text,
    datetime: _datetime,
    date: date.isoformat,
    Decimal: _decimal,
    dict: _dict,
    list: _json,
    tuple: _json,
}
# Subclasses, the most special first: StrEnum, pandas.Timestamp, every scalar of numpy.
_KINDS: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (np.generic, _numpy),
    (str, lambda value: _text(str(value))),
    (datetime, _datetime),
    (int, lambda value: str(int(value))),
    (float, _float),
    (Mapping, _json),
)


def _other(value: object) -> str:
    for kind, encode in _KINDS:
        if isinstance(value, kind):
            return encode(value)
    raise TypeError(f"a {type(value).__name__} cannot be stored")


def _from_numpy(value: np.generic) -> object:
    if isinstance(value, np.datetime64):  # numpy has no zones: by its own rule it is UTC
        instant = value.astype("datetime64[us]").item()
        return None if instant is None else instant.replace(tzinfo=UTC)
    if isinstance(value, np.floating):
        return float(value)  # item() of a longdouble is a longdouble
    if isinstance(value, np.bool_ | np.integer | np.str_):
        return value.item()
    raise TypeError(f"a {type(value).__name__} cannot be stored")


def _plain(value: object) -> object:
    """Return a JSON value that jsonb takes: no NaN, no NUL, no numpy."""
    if isinstance(value, np.generic):
        value = _from_numpy(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, str):
        return clean_text(str(value))
    if isinstance(value, Mapping):
        return {clean_text(str(key)): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime):
        return _datetime(value) if value.tzinfo else value.isoformat()
    return value
