"""What an address asks for: filters, positions and pages, from the text of a query."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from monitoring_jobs.browser.values import (
    ATTENTION,
    ORDER,
    WHOLE_WINDOW,
    Filters,
    Selection,
    Span,
)
from monitoring_jobs.results import Status

_LONGEST = 200
_MOST_PAGES = 10_000
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # in Postgres; sinks replace them alike
_NAMED = {str(status): status for status in Status}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a list was asked for.

    Attributes:
        filters: What it is narrowed to.
        given: The same as it was written, for forms and links; without positions.
        notes: What could not be understood, a sentence each.
    """

    filters: Filters
    given: Mapping[str, str]
    notes: tuple[str, ...] = ()

    @property
    def is_narrowed(self) -> bool:
        """Whether anything is filtered."""
        return bool(self.given)

    def but(self, **changes: str) -> dict[str, str]:
        """Return the query of the same list with some keys changed; empty ones fall away."""
        return {key: value for key, value in {**self.given, **changes}.items() if value}


def asked(query: Mapping[str, str]) -> Asked:
    """Read the filters of a list."""
    notes: list[str] = []
    given = {key: _text(query, key) for key in ("q", "model", "owner", "status", "from", "to")}
    status = _NAMED.get(given["status"])
    if given["status"] and status is None:
        notes.append("That is no status; all are shown.")
    first, last = _day(given["from"]), _day(given["to"])
    if (given["from"] and first is None) or (given["to"] and last is None):
        notes.append("That is no date; write it like 2026-11-20.")
    return Asked(
        filters=Filters(
            text=given["q"],
            model=given["model"],
            owner=given["owner"],
            status=status,
            span=Span(after=first, by=_next(last)),
        ),
        given={key: value for key, value in given.items() if value},
        notes=tuple(notes),
    )


def selection(query: Mapping[str, str], *, limit: int) -> tuple[Selection, dict[str, str]]:
    """Read which measurements are asked for, and return it with the query that says so."""
    given = {key: _text(query, key) for key in ("status", "check", "column")}
    statuses: tuple[Status, ...] = ORDER
    if given["status"] == "attention":
        statuses = ATTENTION
    elif given["status"] in _NAMED:
        statuses = (_NAMED[given["status"]],)
    # Exactly as it is called, spaces included; an empty field of the form asks for all.
    segment = _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", query.get("segment", ""))
    given["segment"] = segment
    chosen = Selection(
        statuses=statuses,
        check=given["check"],
        column=given["column"],
        segment={"": None, WHOLE_WINDOW: ""}.get(segment, segment),
        offset=(page_number(query) - 1) * limit,
        limit=limit,
    )
    return chosen, {key: value for key, value in given.items() if value}


def page_number(query: Mapping[str, str]) -> int:
    """Return which page of a list is asked for, from 1 on."""
    text = query.get("page", "1")
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 1
    return min(max(number, 1), _MOST_PAGES)


def _text(query: Mapping[str, str], key: str) -> str:
    """Return a text that a database takes: no NUL, no lone surrogate."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", query.get(key, "").strip()[:_LONGEST])


def _day(text: str) -> datetime | None:
    with suppress(ValueError):
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    return None


def _next(day: datetime | None) -> datetime | None:
    with suppress(OverflowError):
        return day and day + timedelta(days=1)
    return None
