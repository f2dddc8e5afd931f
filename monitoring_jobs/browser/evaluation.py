"""The page of one evaluation: its facts, its measurements, its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from monitoring_jobs.browser.addresses import Addresses, link
from monitoring_jobs.browser.elements import NOTHING, Markup, element, together
from monitoring_jobs.browser.figures import (
    facts,
    instant,
    length,
    lines,
    megabytes,
    seconds,
    short,
    status_badge,
    window_text,
)
from monitoring_jobs.browser.measurement_list import measurement_list, page_of, segment_list
from monitoring_jobs.browser.page import Page, document
from monitoring_jobs.browser.parts import (
    crumbs,
    elsewhere,
    empty,
    errors,
    model_link,
    run_link,
    section,
)
from monitoring_jobs.browser.values import Attempt, Judged, Selection
from monitoring_jobs.results import Evaluation

_DRAFT = (
    "A draft: its Dag run was told not to publish. It is in no list, table or gauge, replaces "
    "nothing, and is removed after 30 days."
)
_UNWRITTEN = "In the report store, but not in Postgres: its Dag run has not written it (yet)."


def evaluation_page(
    found: Judged,
    chosen: Selection,
    given: Mapping[str, str],
    attempts: Sequence[Attempt],
    to: Addresses,
) -> Page:
    """Return the page with a part of the measurements.

    Args:
        found: What is shown.
        chosen: Which part of the measurements.
        given: The query that asks for that part, without its page.
        attempts: Executions for the window.
        to: Where links lead.
    """
    failed = [attempt for attempt in attempts if attempt.outcome == "error"]
    return _document(
        found,
        to,
        "measurements",
        _facts(found.evaluation, to),
        section("Executions that failed", errors(failed, to)) if failed else None,
        measurement_list(found, chosen, given, to),
        segment_list(found, to),
    )


def report_view(found: Judged, to: Addresses) -> Page:
    """Return the page with the report in a frame."""
    return _document(found, to, "report", report_frame(found, to))


def report_frame(found: Judged, to: Addresses) -> Markup:
    """Return the report in a frame of its own, or why there is none."""
    own = found.evaluation
    if own.report is None:
        return empty(
            "This evaluation has no report. The monitor file or the trigger form asked for none: "
            "report: {when: always} renders one for every window."
        )
    address = to.report(own.monitor, own.window, is_draft=found.is_draft)
    return element(
        "iframe",
        src=address,
        title=f"Report of {own.monitor[:200]}, {window_text(own.window)}",
        sandbox="allow-scripts",
        referrerpolicy="no-referrer",
        class_="report",
    )


def summary_facts(own: Evaluation, to: Addresses) -> Markup:
    """Return what a reader asks first: which window, which model, how many rows."""
    return facts(
        [
            ("Window", lines(window_text(own.window), f"({length(own.window)})")),
            ("Model", model_link(own.model, to)),
            ("Owner", short(own.owner, 120)),
            ("Rows", f"{own.rows.current:,} against {own.rows.reference:,} of the reference"),
            ("Computed", instant(own.computed_at)),
        ]
    )


def state_notes(found: Judged) -> Markup:
    """Return what is special about where an evaluation lies."""
    told = _DRAFT if found.is_draft else "" if found.is_stored else _UNWRITTEN
    return element("p", told, class_="note") if told else NOTHING


def _document(found: Judged, to: Addresses, view: str, *content: Markup | None) -> Page:
    own = found.evaluation
    name, window = short(own.monitor), window_text(own.window)
    return document(
        f"{own.monitor}, {window}",
        crumbs(("Monitors", to.monitors()), (name, to.monitor(own.monitor)), (window, None)),
        element("h1", name, ", ", window, " ", status_badge(own.status)),
        state_notes(found),
        elsewhere(
            {
                "Dag run": to.dag_run(own.dag_run),
                "MLflow": to.model(own.model),
                "Grafana": None if found.is_draft else to.grafana(own.monitor, own.window),
            }
        ),
        _views(found, to, view),
        *content,
        root=to.root,
        current="monitors",
    )


def _views(found: Judged, to: Addresses, view: str) -> Markup:
    entries: tuple[tuple[str, str, Mapping[str, str]], ...] = (
        ("measurements", "Measurements", {}),
        ("report", "Report", {"view": "report"}),
    )
    links = [
        element(
            "li",
            link(page_of(found, to, query), text, aria_current="page" if view == name else None),
        )
        for name, text, query in entries
    ]
    return element(
        "nav",
        element("ul", links),
        class_="tabs",
        aria_label="Views",
    )


def _facts(own: Evaluation, to: Addresses) -> Markup:
    reference = own.reference_id or "could not be read"
    more = facts(
        [
            ("Rows in the report's sample", f"{own.rows.sampled:,}"),
            ("Took", f"{seconds(own.duration_seconds)}, {megabytes(own.peak_memory_bytes)}"),
            ("Dag run", run_link(own, to)),
            ("Reference", element("code", short(reference, 80))),
            ("Monitor file", element("code", short(own.spec_hash, 80))),
            ("Code", short(own.code_version)),
            ("Attempt", element("code", short(own.attempt, 80))),
        ]
    )
    return together(
        summary_facts(own, to),
        element("details", element("summary", "How it was computed"), more),
    )
