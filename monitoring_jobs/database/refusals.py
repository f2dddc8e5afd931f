"""What Postgres' errors mean here: try again, or mend something first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2

from monitoring_jobs.errors import DatabaseRefused, DatabaseUnavailable, MonitoringError

_MIGRATE = "run monitoring-jobs migrate"
_USE_WRITER = "connect as monitoring_writer (monitoring_owner to migrate)"
_CHECK_ACCESS = "check MONITORING_DATABASE_URL and the role's password and grants"
_REPORT_BUG = "please report this as a bug"

# SQLSTATE, or its class of two characters -> what happened. All of these may pass by themselves.
_PASSING = {
    "08": "lost the connection",
    "25P03": "ended a transaction that was idle for too long",
    "25P04": "ended a transaction that took too long",
    "40001": "could not serialize the transaction",
    "40P01": "found a deadlock",
    "53200": "is out of memory",
    "53300": "has no free connection",
    "55006": "has the object in use",
    "55P03": "could not get a lock in time",
    "57014": "canceled a statement that took too long",
    "57P": "is shutting down or starting",
}
# SQLSTATE or class -> cure. These stay until a person mends something.
_LASTING = {
    "22": "the value does not fit its column; " + _REPORT_BUG,
    "23": _REPORT_BUG,
    "25006": "connect to the primary, as monitoring_writer",
    "28": _CHECK_ACCESS,
    "3D000": _CHECK_ACCESS,
    "3F000": _MIGRATE,
    "42501": _USE_WRITER,
    "42703": _MIGRATE,
    "42883": _MIGRATE,
    "42P01": _MIGRATE,
    "53100": "free disk space on the database server",
}
# The driver gives no SQLSTATE when connecting fails, only libpq's text.
_REFUSED_CONNECTION = re.compile(
    r"authentication failed|does not exist|no pg_hba\.conf entry|no password supplied"
    r"|not permitted to log in|permission denied for database|certificate verify failed"
)
_COPY_CONTEXT = re.compile(r"COPY (\w+), line (\d+)(?:, column (\w+))?")


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Raise the project's errors instead of the driver's.

    Args:
        place: The database as a person knows it, without a password.

    Raises:
        DatabaseUnavailable: It may pass by itself.
        DatabaseRefused: It will not.
    """
    try:
        yield
    except psycopg2.Error as exc:
        raise translate(exc, place) from exc


def translate(exc: psycopg2.Error, place: str) -> MonitoringError:
    """Return the error that tells a caller whether to try again."""
    code = exc.pgcode
    if code is None:
        return _without_code(exc, place)
    passing = _look_up(_PASSING, code)
    if passing is not None:
        return DatabaseUnavailable(f"{place} {passing} ({code})", "try again")
    cure = _look_up(_LASTING, code) or _REPORT_BUG
    return DatabaseRefused(f"{place}: {_what(exc, code)} ({code})", cure)


def _look_up(meanings: dict[str, str], code: str) -> str | None:
    return meanings.get(code) or meanings.get(code[:3]) or meanings.get(code[:2])


def _what(exc: psycopg2.Error, code: str) -> str:
    """Return Postgres' sentence, or one of our own where theirs would quote a value."""
    where = _COPY_CONTEXT.search(exc.diag.context or "")
    place = f" in column {where[3]} of {where[1]}" if where and where[3] else ""
    if code.startswith("22"):
        return f"a value cannot be stored{place}"
    return (exc.diag.message_primary or "the statement failed").rstrip(".")


def _without_code(exc: psycopg2.Error, place: str) -> MonitoringError:
    # A connection that breaks off in the middle raises the bare DatabaseError.
    lost = psycopg2.OperationalError, psycopg2.InterfaceError, psycopg2.DatabaseError
    if type(exc) not in lost:
        return DatabaseRefused(f"{place}: the driver failed: {type(exc).__name__}", _REPORT_BUG)
    reason = _last_sentence(str(exc))
    if _REFUSED_CONNECTION.search(str(exc)):
        return DatabaseRefused(f"{place}: {reason}", _CHECK_ACCESS)
    return DatabaseUnavailable(
        f"{place} does not answer: {reason}", "check that Postgres runs and is reachable"
    )


def _last_sentence(text: str) -> str:
    """Return the reason from libpq's message, which may span lines and repeat the address."""
    line = text.strip().partition("\n")[0]
    return re.sub(r"^connection to server .*? failed: ", "", line).rstrip(".") or "no reason given"
