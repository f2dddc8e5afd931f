"""The page of all monitors, the worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from monitoring_jobs.browser.addresses import Addresses, link
from monitoring_jobs.browser.elements import NOTHING, Markup, element
from monitoring_jobs.browser.figures import (
    count,
    from_to,
    instant,
    lines,
    run_failed,
    short,
    status_badge,
)
from monitoring_jobs.browser.page import Page, document
from monitoring_jobs.browser.parts import (
    chips,
    empty,
    ends_earlier,
    filter_form,
    model_link,
    notes,
    pager,
    table,
    window_link,
)
from monitoring_jobs.browser.requests import Asked
from monitoring_jobs.browser.trend import LENGTH, streak, trend
from monitoring_jobs.browser.values import ORDER, Filters, Mark, Standing, rank
from monitoring_jobs.results import Evaluation, Status

PAGE = 50
_CHUNK = 2000
_TITLES = ("Status", "Monitor", f"Last {LENGTH} windows", "Newest window", "Rows", "Model", "Owner")

MayRead = Callable[[Collection[str]], Collection[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """The monitors of one page.

    Attributes:
        shown: How they stand, the worst first.
        page: Which page this is, from 1 on.
        has_more: Whether another follows.
        counts: Monitors by status over all pages; None where not all were looked at.
    """

    shown: Sequence[Standing]
    page: int
    has_more: bool
    counts: Mapping[Status, int] | None


def listed(standings: Sequence[Standing], filters: Filters, page: int, may_read: MayRead) -> Listed:
    """Pick the monitors of a page from all there are.

    Who may read what is asked in chunks, and no further than the page needs.
    """
    candidates = sorted(
        (standing for standing in standings if _matches(standing, filters)),
        key=lambda standing: (_worst(standing), standing.monitor),
    )
    last = page * PAGE
    readable: list[Standing] = []
    chosen: list[Standing] = []
    looked_at = 0
    while looked_at < len(candidates) and len(chosen) <= last:
        chunk = candidates[looked_at : looked_at + _CHUNK]
        looked_at += len(chunk)
        allowed = frozenset(may_read([standing.monitor for standing in chunk]))
        found = [standing for standing in chunk if standing.monitor in allowed]
        readable += found
        chosen += [s for s in found if filters.status is None or _counts_as(s, filters.status)]
    counts = Counter(ORDER[_worst(s)] for s in readable if s.status or s.failed_at)
    return Listed(
        shown=chosen[last - PAGE : last],
        page=page,
        has_more=len(chosen) > last,
        counts=counts if looked_at == len(candidates) else None,
    )


def _matches(standing: Standing, filters: Filters) -> bool:
    # Most lists are not narrowed: an empty text is not worth a look at thousands of names.
    return (
        (not filters.text or filters.text.lower() in standing.monitor.lower())
        and (not filters.model or filters.model.lower() in (standing.model or "").lower())
        and (not filters.owner or filters.owner.lower() in standing.owner.lower())
    )


def _worst(standing: Standing) -> int:
    """Return the rank of a monitor: an execution that failed is an error until the next is done."""
    own = len(ORDER) - 1 if standing.status is None else rank(standing.status)
    return own if standing.failed_at is None else min(own, rank(Status.ERROR))


def _counts_as(standing: Standing, status: Status) -> bool:
    return ORDER[_worst(standing)] is status


def monitors_page(
    found: Listed,
    asked: Asked,
    to: Addresses,
    newest: Mapping[str, Evaluation],
    trends: Mapping[str, Sequence[Mark]],
) -> Page:
    """Return the page."""
    if found.shown:
        rows = [_row(s, newest.get(s.monitor), trends.get(s.monitor, ()), to) for s in found.shown]
        content = table("Monitors, the worst first", _TITLES, rows)
    else:
        content = _nothing(found, asked, to)
    return document(
        "Monitors",
        element("h1", "Monitors"),
        _counts(found, asked, to),
        filter_form(to.monitors(), asked, names=("q", "model", "owner")),
        notes(asked.notes),
        content,
        _pages(found, asked, to),
        root=to.root,
        current="monitors",
    )


def _row(
    standing: Standing, newest: Evaluation | None, marks: Sequence[Mark], to: Addresses
) -> tuple[Markup | str | None, ...]:
    return (
        _standing(standing, marks),
        link(to.monitor(standing.monitor), short(standing.monitor), class_="name"),
        trend(marks),
        window_link(newest, to) if newest else element("span", "none", class_="muted"),
        f"{newest.rows.current:,}" if newest else None,
        model_link(newest.model, to) if newest else None,
        short(standing.owner, 60),
    )


def _standing(standing: Standing, marks: Sequence[Mark]) -> Markup:
    lasts = streak(marks) if standing.status is not None else ""
    since = element("span", f"{lasts} in a row", class_="muted") if lasts not in ("", "1") else None
    failed = None
    if standing.failed_at is not None:
        failed = element(
            "div",
            run_failed(),
            " ",
            instant(standing.failed_at),
            class_="since",
        )
    return lines(status_badge(standing.status), since, failed)


def _counts(found: Listed, asked: Asked, to: Addresses) -> Markup | None:
    if found.counts is None or not (found.counts or asked.is_narrowed):
        return None
    total = sum(found.counts.values())
    chosen = asked.filters.status
    entries = [("all", total, to.monitors(asked.but(status="")), chosen is None)]
    everything = [
        (
            status_badge(status),
            found.counts[status],
            to.monitors(asked.but(status=str(status))),
            chosen is status,
        )
        for status in ORDER
        if found.counts.get(status)
    ]
    return chips([*entries, *everything], title="Monitors by status")


def _pages(found: Listed, asked: Asked, to: Addresses) -> Markup:
    page, first = found.page, (found.page - 1) * PAGE
    if not found.shown:
        return NOTHING
    told = from_to(first + 1, first + len(found.shown))
    if not found.has_more:
        told += f" of {count(first + len(found.shown), 'monitor', 'monitors')}"
    return pager(
        back=to.monitors(asked.but(page=str(page - 1) if page > 2 else "")) if page > 1 else None,
        on=to.monitors(asked.but(page=str(page + 1))) if found.has_more else None,
        told=told,
    )


def _nothing(found: Listed, asked: Asked, to: Addresses) -> Markup:
    if found.page > 1:
        return ends_earlier(to.monitors(asked.but()))
    if asked.is_narrowed:
        return empty("No monitor matches. ", link(to.monitors(), "Show all monitors"))
    return empty(
        "No monitor has been evaluated yet, or you may read none of their Dags. A monitor shows "
        "here once its Dag monitor__<name> has judged a window and written it to Postgres."
    )
