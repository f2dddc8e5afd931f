"""The results database: reachable, migrated, with its roles and their rights, partitions ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monitoring_jobs.doctor.circumstances import Circumstances
from monitoring_jobs.doctor.findings import Chart, Finding, Findings, listed
from monitoring_jobs.errors import DatabaseRefused, MonitoringError, SchemaMismatch

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2's own name

_SECONDS = 3
_ROLES_CURE = "let an administrator run sql/roles.sql, then monitoring-jobs migrate as owner"
_MIGRATE = "run monitoring-jobs migrate as monitoring_owner"
_MAINTAIN = "run monitoring-jobs maintain; the Dag maintain_store does so each night"
# Insufficient privilege, and a read-only transaction.
_REFUSALS = frozenset({"42501", "25006"})


def examine_postgres(case: Circumstances) -> Findings:
    """Yield how the results database is, as the jobs see it and as the dashboards do."""
    yield from _as_writer(case)
    yield from _as_reader(case)


def _as_writer(case: Circumstances) -> Findings:
    from monitoring_jobs.database import reading, require_current_schema

    chart = Chart("postgres")
    if case.settings.database_url is None:
        yield chart.skipped(
            "reachable", "no results database is configured", "set MONITORING_DATABASE_URL"
        )
        return
    try:
        with reading(
            case.settings.require_database_url(),
            statement_timeout_seconds=_SECONDS,
            connect_timeout_seconds=_SECONDS,
            deadline_seconds=10,
        ) as cursor:
            yield chart.ok("reachable", f"answers, login as {_user(cursor)}")
            asked = case.clock.now()
            case.clock.note("postgres", _one(cursor, "time"), asked)
            try:
                require_current_schema(cursor.connection)
            except SchemaMismatch as exc:
                yield chart.error("schema", exc)
                return
            yield chart.ok("schema", f"is at revision {_revision()}, as this code needs")
            yield _roles(chart, cursor)
            yield from _rights(chart, cursor)
            yield from _partitions(chart, cursor)
    except MonitoringError as exc:
        yield chart.error("reachable", exc)


def _roles(chart: Chart, cursor: Cursor) -> Finding:
    missing = _all(cursor, "missing_roles")
    if missing:
        return chart.failed("roles", f"there is no role {listed(missing)}", _ROLES_CURE)
    return chart.ok("roles", "owner, writer and reader exist")


def _rights(chart: Chart, cursor: Cursor) -> Findings:
    missing = _all(cursor, "missing_rights")
    if missing:
        yield chart.failed("rights", f"rights are missing: {listed(missing, 3)}", _MIGRATE)
    excessive = _all(cursor, "excessive_rights")
    if excessive:
        yield chart.failed(
            "rights",
            f"monitoring_reader may write: {listed(excessive, 3)}",
            "revoke that: Grafana runs any SQL that it is given",
        )
    if not missing and not excessive:
        yield chart.ok("rights", "the writer may write, the reader reads views only")


def _partitions(chart: Chart, cursor: Cursor) -> Findings:
    cursor.execute(_query("months"))
    (month, present), *later = cursor.fetchall()
    if not present:
        yield chart.failed("partitions", f"this month ({month}) has no partition", _MAINTAIN)
    elif missing := [name for name, there in later if not there]:
        yield chart.warning("partitions", f"{missing[0]} has no partition yet", _MAINTAIN)
    else:
        yield chart.ok("partitions", f"made ahead to {later[-1][0]}")
    caught = _all(cursor, "caught_months")
    if caught:
        yield chart.warning(
            "default partition", f"holds measurements of {listed(caught)}", _MAINTAIN
        )
    else:
        yield chart.ok("default partition", "is empty")


# --- the reader -----------------------------------------------------------------------------------
def _as_reader(case: Circumstances) -> Findings:
    from monitoring_jobs.database import reading

    chart = Chart("postgres")
    if case.settings.reader_url is None:
        yield chart.skipped("reader", "no reader is configured", "set MONITORING_READER_URL")
        return
    try:
        url = case.settings.require_reader_url()
        with reading(
            url,
            statement_timeout_seconds=_SECONDS,
            connect_timeout_seconds=_SECONDS,
            deadline_seconds=10,
        ) as cursor:
            user = _user(cursor)
            newest = _one(cursor, "newest_evaluation")
        told = "no evaluation yet" if newest is None else f"newest evaluation {newest:%Y-%m-%d}"
        yield _refusal(chart, url, f"{user} reads the views ({told}) and may not write")
    except SchemaMismatch:
        yield chart.failed("reader", "the views that the dashboards read are not there", _MIGRATE)
    except MonitoringError as exc:
        cure = exc.cure.replace("MONITORING_DATABASE_URL", "MONITORING_READER_URL")
        yield chart.failed("reader", exc.what, cure)


def _refusal(chart: Chart, url: str, in_health: str) -> Finding:
    """Try to write as the reader: what he may is seen only when he tries."""
    from monitoring_jobs.database import transaction

    try:
        with (
            transaction(
                url, statement_timeout_seconds=_SECONDS, lock_timeout_seconds=_SECONDS
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(_query("try_to_write"))
    except DatabaseRefused as exc:
        if getattr(exc.__cause__, "pgcode", None) in _REFUSALS:
            return chart.ok("reader", in_health)
        raise
    return chart.failed(
        "reader",
        "MONITORING_READER_URL logs in as a role that may write",
        "log in as monitoring_reader there",
    )


def _user(cursor: Cursor) -> str:
    return str(cursor.connection.info.user)


def _query(name: str) -> str:
    from monitoring_jobs.database import queries

    return queries("doctor")[name]


def _one(cursor: Cursor, query: str) -> Any:
    cursor.execute(_query(query))
    row = cursor.fetchone()
    return row[0] if row else None


def _all(cursor: Cursor, query: str) -> list[str]:
    cursor.execute(_query(query))
    return [str(row[0]) for row in cursor.fetchall()]


def _revision() -> str:
    from monitoring_jobs.database import SCHEMA_REVISION

    return SCHEMA_REVISION
