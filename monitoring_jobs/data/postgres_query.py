"""What both roads from Postgres share: types, the session, and what an error means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from monitoring_jobs.errors import (
    DatasetMissing,
    MonitoringError,
    SourceUnavailable,
    UnreadableDataset,
)

_STATEMENT_SECONDS = 3600
UTC_MICROSECONDS = pa.timestamp("us", "UTC")

# Object ids of pg_type.dat, which never change; whatever is not listed is read as text.
_TYPES: Mapping[int, pa.DataType] = {
    16: pa.bool_(),
    20: pa.int64(),
    21: pa.int64(),
    23: pa.int64(),
    26: pa.int64(),
    700: pa.float64(),
    701: pa.float64(),
    1700: pa.float64(),
    1082: pa.date32(),
    1114: pa.timestamp("us"),
    1184: UTC_MICROSECONDS,
}
OBJECT_ID = 26
# In this order: name, text, char, varchar.
PLAIN_TEXT = frozenset({19, 25, 1042, 1043})
# bytea, json, jsonb and arrays: no check can read them.
_OPAQUE = frozenset(
    {17, 114, 199, 1000, 1001, 1005, 1007, 1009, 1015, 1016, 1021, 1022, 1115, 1182, 1185, 1231}
    | {2951, 3802, 3807}
)
_TRANSIENT = ("08", "40", "53", "55P03", "57")
_REFUSED_AT_THE_DOOR = (
    "authentication failed",
    "does not exist",
    "no pg_hba.conf entry",
    "no password supplied",
    "permission denied",
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a result.

    Attributes:
        name: As the query calls it.
        code: Object id of its type; of the type beneath, where it is a domain.
    """

    name: str
    code: int

    @property
    def is_opaque(self) -> bool:
        """Whether no check can read it: only whether it is null is fetched, values are empty."""
        return self.code in _OPAQUE

    @property
    def type(self) -> pa.DataType:
        """What it is read as, by any road."""
        return pa.binary() if self.is_opaque else _TYPES.get(self.code, pa.string())

    @property
    def is_text_of_another_type(self) -> bool:
        """Whether it is read as the server writes it: enums, UUIDs, intervals and so on."""
        return self.type == pa.string() and self.code not in PLAIN_TEXT

    @property
    def quoted(self) -> str:
        """Its name in SQL."""
        return '"' + self.name.replace('"', '""') + '"'

    @property
    def nullness(self) -> str:
        """Expression of an empty text where there is a value; of a row type, any value."""
        return f"CASE WHEN num_nulls({self.quoted}) = 0 THEN '' END"


@dataclass(frozen=True, slots=True)
class Query:
    """A query that Postgres has understood.

    Attributes:
        text: One SELECT with its literals.
        columns: What it returns.
    """

    text: str
    columns: Sequence[Column]

    @property
    def schema(self) -> pa.Schema:
        """What its rows are read as."""
        return pa.schema([(column.name, column.type) for column in self.columns])

    def select(self, expressions: Sequence[str]) -> str:
        """Return the statement that selects one expression for each column, under its name."""
        listed = ", ".join(
            f"{expression} AS {column.quoted}"
            for expression, column in zip(expressions, self.columns, strict=True)
        )
        # The newline ends a comment in the query's last line.
        return f"SELECT {listed} FROM ({self.text}\n) AS query"  # noqa: S608 - the monitor's query


def session_settings(timezone: str) -> str:
    """Return the statements that make a transaction read and write alike on every server."""
    values = {
        "TimeZone": timezone,
        "DateStyle": "ISO",
        "extra_float_digits": "1",
        "client_encoding": "UTF8",
        "statement_timeout": f"{_STATEMENT_SECONDS}s",
    }
    return "; ".join(
        "SET LOCAL {} = '{}'".format(name, value.replace("'", "''"))
        for name, value in values.items()
    )


def refusal(code: str, primary: str, whole: str, shown: str) -> MonitoringError:
    """Translate an error by SQLSTATE; only texts about names are passed on, others quote values.

    Args:
        code: SQLSTATE; empty where no server answered.
        primary: The server's message.
        whole: All that the driver says; read, never passed on.
        shown: The source as a person knows it.
    """
    message = (primary or "the query is wrong").splitlines()[0]
    if code == "42P01":
        return DatasetMissing(f"{shown}: {message}", "check the query")
    if code.startswith("42"):
        return UnreadableDataset(f"{shown}: {message}", "check the query and the role's rights")
    if code.startswith(_TRANSIENT):
        return SourceUnavailable(f"{shown}: Postgres gave up ({code})", "try again later")
    if code:
        return UnreadableDataset(f"{shown}: Postgres refused the query ({code})", "run it by hand")
    if any(words in whole for words in _REFUSED_AT_THE_DOOR):
        return UnreadableDataset(
            f"{shown}: Postgres refused the connection", "check user, password and database"
        )
    return SourceUnavailable(f"{shown}: Postgres does not answer", "try again later")


def unfit(exc: Exception, shown: str) -> UnreadableDataset:
    """Return the error of a value that its column's type here cannot hold."""
    return UnreadableDataset(
        f"{shown}: a value cannot be read as its column's type ({type(exc).__name__})",
        "cast the column to text or to a narrower type in the query",
    )
