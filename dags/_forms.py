"""What a run was asked for: the params of its trigger form, REST or command line, judged.

All are judged in one place and before any data is read: what cannot be obeyed is one line that
names the param and the cure.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

from monitoring_jobs.errors import InvalidMonitor, InvalidParam
from monitoring_jobs.monitor_files import spec_of
from monitoring_jobs.spec import MonitorSpec

When = Literal["always", "on_alert", "never"]
_MOST_DAYS = 36_500
_CSV = re.compile(r"\.csv(\.(gz|bz2|zst))?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorForm:
    """What the form of a monitor says.

    Attributes:
        start: Start of the window; None for the run's own period, like ``end``.
        end: End of the window.
        reference: Keys of the reference as a monitor file has them; None for that of the file.
        report: When a report is rendered; None leaves it to the file.
        draft: Whether the evaluation is not to be published.
    """

    start: datetime | None = None
    end: datetime | None = None
    reference: Mapping[str, Any] | None = None
    report: When | None = None
    draft: bool = False

    @classmethod
    def read(cls, params: Mapping[str, Any]) -> MonitorForm:
        """Judge the params of a run.

        Raises:
            InvalidParam: One of them is unknown, malformed, or contradicts another.
        """
        _require_known(params, ("start", "end", "reference", "report", "publish"))
        start, end = instant("start", params.get("start")), instant("end", params.get("end"))
        if (start is None) != (end is None):
            given, missing = ("end", "start") if start is None else ("start", "end")
            raise InvalidParam(
                f"param {missing}: is empty, and {given} is not",
                "give both, or none for the run's own period",
            )
        if start is not None and end is not None and start >= end:
            raise InvalidParam(
                "param start: is not before end, so the window holds no time",
                "give a start before the end",
            )
        return cls(
            start=start,
            end=end,
            reference=_reference(params.get("reference")),
            report=_one_of("report", params.get("report"), get_args(When)),
            draft=is_draft(params),
        )

    def require_past(self, now: datetime) -> None:
        """Refuse a window that has not ended, unless nobody is told of it.

        It would stay the newest one of its monitor, and hide the present until its time has come.

        Raises:
            InvalidParam: It has not.
        """
        if self.end is not None and self.end > now and not self.draft:
            raise InvalidParam(
                "param end: lies in the future",
                "give an end that has passed, or switch publish off",
            )

    def applied_to(self, spec: MonitorSpec) -> MonitorSpec:
        """Return the monitor as this run is to see it.

        Raises:
            InvalidParam: The reference breaks a rule of monitor files.
        """
        replaced: dict[str, Any] = {}
        if self.reference is not None:
            replaced["reference"] = self.reference
        if self.report is not None and self.report != spec.report.when:
            replaced["report"] = {"when": self.report, "rows": spec.report.rows}
        if not replaced:
            return spec
        # What was not given stays not given: a limit that is null differs from one that is absent.
        raw = spec.model_dump(by_alias=True, exclude_unset=True) | replaced
        try:
            return spec_of(raw).located_in(spec.folder)
        except InvalidMonitor as exc:
            raise InvalidParam("; ".join(f"param {problem}" for problem in exc.problems)) from exc


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractionForm:
    """What the form of the extraction says.

    Attributes:
        since: Runs that ended from here on are read again; None for what is new.
        full: Whether everything is read and compared.
    """

    since: datetime | None = None
    full: bool = False

    @classmethod
    def read(cls, params: Mapping[str, Any], *, now: datetime) -> ExtractionForm:
        """Judge the params of a run.

        Raises:
            InvalidParam: One of them is unknown, malformed, or contradicts another.
        """
        _require_known(params, ("since", "full"))
        since, full = instant("since", params.get("since")), _switch("full", params.get("full"))
        if since is not None and full:
            raise InvalidParam("param since: says less than full, which reads all", "give one")
        if since is not None and since > now:
            raise InvalidParam("param since: lies in the future", "give an instant that has passed")
        return cls(since=since, full=bool(full))

    def __str__(self) -> str:
        if self.full:
            return "everything"
        return f"from {self.since.isoformat()} on" if self.since else "what is new"


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceForm:
    """What the form of the maintenance says.

    Attributes:
        retention: Age at which evaluations are removed from Postgres; None keeps them.
        report_retention: Age at which evaluations and reports are removed from the report store.
    """

    retention: timedelta | None = None
    report_retention: timedelta | None = None

    @classmethod
    def read(cls, params: Mapping[str, Any]) -> MaintenanceForm:
        """Judge the params of a run.

        Raises:
            InvalidParam: One of them is unknown or malformed.
        """
        _require_known(params, ("retention_days", "report_retention_days"))
        return cls(
            retention=_days("retention_days", params.get("retention_days")),
            report_retention=_days("report_retention_days", params.get("report_retention_days")),
        )

    def ages(self) -> dict[str, timedelta | None]:
        """Return what the job takes."""
        return {"retention": self.retention, "report_retention": self.report_retention}

    def __str__(self) -> str:
        ages = {"Postgres": self.retention, "report store": self.report_retention}
        return ", ".join(
            f"{store} keeps {f'{age.days} days' if age else 'all'}" for store, age in ages.items()
        )


def is_draft(params: Mapping[str, Any]) -> bool:
    """Return whether the form asks not to publish."""
    return _switch("publish", params.get("publish")) is False


def draft_asked(params: Mapping[str, Any]) -> bool:
    """Return whether a run that may have failed over its form was asked not to publish."""
    try:
        return is_draft(params)
    except InvalidParam:
        return False


def instant(name: str, given: str | None) -> datetime | None:
    """Read an instant of a form, in UTC; None where the field is empty.

    Raises:
        InvalidParam: It is not ISO 8601 or has no time zone.
    """
    if not given:
        return None
    try:
        parsed = datetime.fromisoformat(given)
        if parsed.tzinfo is not None:
            return parsed.astimezone(UTC)
    except (TypeError, ValueError, OverflowError) as exc:
        cure = "write it like 2026-11-20T00:00:00Z"
        raise InvalidParam(f"param {name}: {given!r} is no instant", cure) from exc
    raise InvalidParam(f"param {name}: {given!r} has no time zone", "add Z or an offset")


def _require_known(params: Mapping[str, Any], known: Iterable[str]) -> None:
    """Refuse what the command line or REST has misspelt: it would be passed over."""
    known = list(known)
    for name in params:
        if name not in known:
            close = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
            cure = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
            raise InvalidParam(f"param {name}: is unknown", cure)


def _days(name: str, given: object) -> timedelta | None:
    if given is None:
        return None
    if type(given) is not int or not 1 <= given <= _MOST_DAYS:
        raise InvalidParam(f"param {name}: {given!r} is no number of days", "write one like 30")
    return timedelta(days=given)


def _switch(name: str, given: object) -> bool | None:
    if given is None or isinstance(given, bool):
        return given
    raise InvalidParam(f"param {name}: {given!r} is no switch", "write true or false")


def _one_of(name: str, given: Any, known: Iterable[str]) -> Any:
    if given is None or given in known:
        return given
    raise InvalidParam(f"param {name}: {given!r} is unknown", f"use one of {', '.join(known)}")


def _reference(given: object) -> Mapping[str, Any] | None:
    """Read a reference: a mapping as in a monitor file, else the path or URL of a dataset."""
    import yaml

    if given is None or (isinstance(given, str) and not given.strip()):
        return None
    if not isinstance(given, str):
        raise InvalidParam("param reference: is no text", "put the mapping in quotes")
    given = given.strip()
    try:
        parsed = yaml.safe_load(given)
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        if given.startswith(("{", "[")) or "\n" in given:
            cure = "write a path, or a mapping like {source: trailing, windows: 14}"
            raise InvalidParam("param reference: is not valid YAML", cure) from exc
        parsed = given
    if isinstance(parsed, list):
        raise InvalidParam("param reference: is a list", "write a path, or a mapping in braces")
    if not isinstance(parsed, dict):
        return {"source": "csv" if _CSV.search(given) else "parquet", "path": given}
    _require_public(parsed)
    return parsed


def _require_public(reference: Mapping[str, Any]) -> None:
    """Refuse what only monitor files may name: to trigger a Dag is not to read all that it can."""
    if reference.get("source") == "sql":
        raise InvalidParam(
            "param reference: SQL is read from monitor files only", "give files, or write it there"
        )
    if reference.get("run_id") is not None:
        raise InvalidParam(
            "param reference: run_id is read from monitor files only", "leave it to the model's run"
        )
