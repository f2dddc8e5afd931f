"""What the doctor finds: one line per check, with its cure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from monitoring_jobs.errors import MonitoringError, TerminalError

T = TypeVar("T")


class NotConfigured(TerminalError):
    """A service that nobody has configured, which is no fault."""


class State(StrEnum):
    """How a check ended, from harmless to bad."""

    OK = "ok"
    SKIPPED = "skipped"
    WARNING = "warning"
    FAILED = "failed"

    @property
    def severity(self) -> int:
        """Its place in the order from harmless to bad."""
        return [*State].index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check and what came of it.

    Attributes:
        service: Whose health it is about.
        check: What was looked at, in one or two words.
        status: How it ended.
        message: What was found, on one line, free of secrets.
        cure: What to do about it; empty where all is well.
    """

    service: str
    check: str
    status: State
    message: str
    cure: str = ""


Findings = Iterator[Finding]


@dataclass(frozen=True, slots=True)
class Chart:
    """Writes the findings of one service."""

    service: str

    def ok(self, check: str, message: str) -> Finding:
        """Return that all is well."""
        return self._finding(check, State.OK, message)

    def warning(self, check: str, message: str, cure: str) -> Finding:
        """Return what works and should not stay as it is."""
        return self._finding(check, State.WARNING, message, cure)

    def failed(self, check: str, message: str, cure: str) -> Finding:
        """Return what does not work."""
        return self._finding(check, State.FAILED, message, cure)

    def skipped(self, check: str, message: str, cure: str) -> Finding:
        """Return what nobody has configured; the cure says how to."""
        return self._finding(check, State.SKIPPED, message, cure)

    def error(self, check: str, exc: MonitoringError) -> Finding:
        """Return an error as what does not work."""
        return self.failed(check, exc.what, exc.cure)

    def _finding(self, check: str, status: State, message: str, cure: str = "") -> Finding:
        return Finding(service=self.service, check=check, status=status, message=message, cure=cure)


def configured(value: T | None, title: str, variable: str) -> T:
    """Return a setting.

    Raises:
        NotConfigured: It is not set.
    """
    if value is None:
        raise NotConfigured(f"no {title} is configured", f"set {variable}")
    return value


def first_line(text: str, most: int = 200) -> str:
    """Return what stands in the first line of a service's message, cut where it is long."""
    line = text.strip().partition("\n")[0]
    return line if len(line) <= most else f"{line[: most - 1]}…"


def listed(names: list[str], most: int = 5) -> str:
    """Return names for one line: the first few, and how many more there are."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most:,} more" if len(names) > most else shown
