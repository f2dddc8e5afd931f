"""The page of all judged windows, newest first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from monitoring_jobs.browser.addresses import Addresses, link
from monitoring_jobs.browser.elements import Markup, element
from monitoring_jobs.browser.figures import instant, length, short, status_badge
from monitoring_jobs.browser.monitors import MayRead
from monitoring_jobs.browser.page import Page, document
from monitoring_jobs.browser.parts import (
    empty,
    ends_earlier,
    filter_form,
    model_link,
    notes,
    pager,
    run_link,
    table,
    window_link,
)
from monitoring_jobs.browser.requests import Asked
from monitoring_jobs.results import Evaluation
from monitoring_jobs.windows import Window

PAGE = 50
# So many windows are looked through for one page where a person may read few of them.
_MOST = 20_000
_LARGEST = 5_000
_TITLES = ("Status", "Monitor", "Window", "Length", "Rows", "Model", "Owner", "Computed", "Dag run")

Position = tuple[str, Window]
Fetch = Callable[[Position | None, int], Sequence[Evaluation]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The windows of one page.

    Attributes:
        shown: Newest first.
        behind: Where the next page begins; None where the list ends here.
        looked_at: After how many windows the search was given up; 0 where it was not.
    """

    shown: Sequence[Evaluation]
    behind: Evaluation | None
    looked_at: int = 0


def readable(fetch: Fetch, behind: Position | None, may_read: MayRead) -> Found:
    """Read windows until a page is full, leaving out those that a person may not read.

    Args:
        fetch: Returns so many windows behind a position.
        behind: Where the page begins.
        may_read: Returns those of some monitors that may be read.
    """
    shown: list[Evaluation] = []
    known: dict[str, bool] = {}
    size, looked_at = PAGE + 1, 0
    while True:
        found = fetch(behind, size)
        unknown = {e.monitor for e in found} - known.keys()
        allowed = frozenset(may_read(sorted(unknown))) if unknown else frozenset()
        known |= {monitor: monitor in allowed for monitor in unknown}
        shown += [e for e in found if known[e.monitor]]
        looked_at += len(found)
        if len(shown) > PAGE:
            return Found(shown=shown[:PAGE], behind=shown[PAGE - 1])
        if len(found) < size:
            return Found(shown=shown, behind=None)
        if looked_at >= _MOST:
            # To go on from here would name a monitor that the reader may not see.
            return Found(shown=shown, behind=None, looked_at=looked_at)
        behind = (found[-1].monitor, found[-1].window)
        size = min(size * 4, _LARGEST)


def evaluations_page(found: Found, asked: Asked, to: Addresses, *, is_first: bool) -> Page:
    """Return the page."""
    here = to.evaluations()
    content: Markup
    if found.shown:
        content = table("Judged windows, newest first", _TITLES, [_row(e, to) for e in found.shown])
    elif found.looked_at:
        content = empty("Nothing here that you may read.")
    elif not is_first:
        content = ends_earlier(to.evaluations(asked.but()))
    elif asked.is_narrowed:
        content = empty("No window matches. ", link(here, "Show all windows"))
    else:
        content = empty(
            "No window has been judged yet, or you may read none of the monitors' Dags."
        )
    behind = found.behind
    return document(
        "Windows",
        element("h1", "Windows"),
        filter_form(here, asked, names=("q", "model", "owner")),
        notes([*asked.notes, *_cut(found)]),
        content,
        pager(
            first=None if is_first else to.evaluations(asked.but()),
            on=None if behind is None else to.evaluations(asked.but(after=behind.id)),
        ),
        root=to.root,
        current="evaluations",
    )


def _cut(found: Found) -> list[str]:
    if not found.looked_at:
        return []
    return [f"Only the newest {found.looked_at:,} windows were looked at: narrow the dates."]


def _row(evaluation: Evaluation, to: Addresses) -> tuple[Markup | str | None, ...]:
    return (
        status_badge(evaluation.status),
        link(to.monitor(evaluation.monitor), short(evaluation.monitor), class_="name"),
        window_link(evaluation, to),
        length(evaluation.window),
        f"{evaluation.rows.current:,}",
        model_link(evaluation.model, to),
        short(evaluation.owner, 60),
        instant(evaluation.computed_at),
        run_link(evaluation, to),
    )
