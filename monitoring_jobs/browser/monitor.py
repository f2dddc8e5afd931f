"""The page of one monitor: how it stands, what failed last, all its windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from monitoring_jobs.browser.addresses import Address, Addresses, link
from monitoring_jobs.browser.attention import attention_list
from monitoring_jobs.browser.elements import Markup, element
from monitoring_jobs.browser.figures import (
    facts,
    instant,
    length,
    lines,
    run_failed,
    seconds,
    short,
    status_badge,
    window_text,
)
from monitoring_jobs.browser.page import Page, document
from monitoring_jobs.browser.parts import (
    crumbs,
    elsewhere,
    empty,
    ends_earlier,
    errors,
    filter_form,
    model_link,
    notes,
    pager,
    run_link,
    section,
    table,
    window_link,
)
from monitoring_jobs.browser.requests import Asked
from monitoring_jobs.browser.trend import summary, trend
from monitoring_jobs.browser.values import Attempt, Attention, Mark
from monitoring_jobs.evaluation_ids import window_id
from monitoring_jobs.links import DAG_PREFIX
from monitoring_jobs.results import Evaluation

PAGE = 50
MOST_FAILED = 30
_TITLES = ("Status", "Window", "Length", "Rows", "Model", "Computed", "Took", "Dag run", "Report")


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What a monitor's page shows.

    Attributes:
        name: Of the monitor.
        newest: Its newest evaluation; None where no window has been judged.
        marks: Its last windows, oldest first.
        attention: What of the newest window asks for it; one more than is shown if cut.
        windows: Its windows as filtered, one more than a page where another page follows.
        attempts: Executions that failed, the newest windows first.
        failed_at: When its newest run failed; None where something was judged since.
    """

    name: str
    newest: Evaluation | None
    marks: Sequence[Mark]
    attention: Attention
    windows: Sequence[Evaluation]
    attempts: Sequence[Attempt]
    failed_at: datetime | None


def monitor_page(found: Overview, asked: Asked, to: Addresses, *, is_first: bool) -> Page:
    """Return the page."""
    newest = found.newest
    is_failing = found.failed_at is not None
    failures = _errors(found, to)
    title = element(
        "h1",
        short(found.name, 120),
        " ",
        status_badge(newest.status if newest else None),
        [" ", run_failed()] if is_failing else None,
    )
    return document(
        found.name,
        crumbs(("Monitors", to.monitors()), (short(found.name), None)),
        title,
        _head(newest, to) if newest else None,
        elsewhere(
            {
                "Newest report": _report(newest, to),
                "Dag": to.dag(DAG_PREFIX + found.name),
                "Grafana": to.grafana(found.name),
            }
        ),
        failures if is_failing else None,
        section("Trend", trend(found.marks), note=summary(found.marks)) if newest else None,
        _newest(found, to),
        None if is_failing else failures,
        _windows(found, asked, to, is_first=is_first),
        root=to.root,
        current="monitors",
    )


def _head(newest: Evaluation, to: Addresses) -> Markup:
    rows = f"{newest.rows.current:,} against {newest.rows.reference:,} of the reference"
    return facts(
        [
            ("Newest window", lines(window_link(newest, to), f"({length(newest.window)})")),
            ("Model", model_link(newest.model, to)),
            ("Owner", short(newest.owner, 120)),
            ("Rows", rows),
            ("Computed", instant(newest.computed_at)),
        ]
    )


def _report(evaluation: Evaluation | None, to: Addresses) -> Address | None:
    if evaluation is None or evaluation.report is None:
        return None
    return to.evaluation(evaluation.monitor, evaluation.window, {"view": "report"})


def _newest(found: Overview, to: Addresses) -> Markup | None:
    newest = found.newest
    if newest is None:
        return None
    title = f"Newest window: {window_text(newest.window)}"
    everything = link(to.evaluation(newest.monitor, newest.window), "All measurements")
    is_cut = len(found.attention.failed) > MOST_FAILED
    note = [f"The first {MOST_FAILED} that ask for attention. " if is_cut else None, everything]

    def segment_page(segment: str) -> Address:
        return to.evaluation(newest.monitor, newest.window, {"segment": segment})

    return section(title, attention_list(found.attention, MOST_FAILED, segment_page), note=note)


def _errors(found: Overview, to: Addresses) -> Markup | None:
    if not found.attempts:
        return None
    note = "Newest windows first. A later execution may have judged the window."
    if found.failed_at is not None:
        note = "Newest windows first. The first of them has not been judged since."
    return section("Executions that failed", errors(found.attempts, to), note=note)


def _windows(found: Overview, asked: Asked, to: Addresses, *, is_first: bool) -> Markup:
    here = to.monitor(found.name)
    shown = found.windows[:PAGE]
    if shown:
        content = table("Judged windows, newest first", _TITLES, [_row(e, to) for e in shown])
    elif not is_first:
        content = ends_earlier(to.monitor(found.name, asked.but()))
    elif asked.is_narrowed:
        content = empty("No window matches. ", link(here, "Show all windows"))
    else:
        content = empty(
            "No window has been judged yet: every execution failed so far. Windows show here once "
            "one is judged and written to Postgres."
        )
    on = None
    if len(found.windows) > PAGE:
        on = to.monitor(found.name, asked.but(after=window_id(shown[-1].window)))
    return section(
        "Windows",
        filter_form(here, asked, names=()),
        notes(asked.notes),
        content,
        pager(first=None if is_first else to.monitor(found.name, asked.but()), on=on),
    )


def _row(evaluation: Evaluation, to: Addresses) -> tuple[Markup | str | None, ...]:
    report = _report(evaluation, to)
    return (
        status_badge(evaluation.status),
        window_link(evaluation, to),
        length(evaluation.window),
        f"{evaluation.rows.current:,}",
        model_link(evaluation.model, to),
        instant(evaluation.computed_at),
        seconds(evaluation.duration_seconds),
        run_link(evaluation, to),
        link(report, "Report") if report else element("span", "none", class_="muted"),
    )
