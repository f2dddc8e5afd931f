"""The tab of a Dag run: what it judged, what failed, and the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from monitoring_jobs.browser.addresses import Addresses, link
from monitoring_jobs.browser.attention import attention_list
from monitoring_jobs.browser.elements import Markup, element
from monitoring_jobs.browser.evaluation import report_frame, state_notes, summary_facts
from monitoring_jobs.browser.figures import (
    count,
    instant,
    length,
    run_name,
    short,
    status_badge,
    window_text,
)
from monitoring_jobs.browser.page import Page, document
from monitoring_jobs.browser.parts import elsewhere, empty, section, table, window_link
from monitoring_jobs.browser.values import Attempt, Attention, Judged
from monitoring_jobs.results import DagRunRef, Evaluation
from monitoring_jobs.windows import Window

MOST_FAILED = 20
_TITLES = ("Status", "Window", "Length", "Rows", "What happened")
_NOTHING_YET = (
    "This run has judged no window. While it runs, that may still come: its evaluation shows here "
    "once the tasks evaluate and write_postgres are done. If it has failed, the log of its first "
    "red task says why. If it was a draft, the button Report among the details of evaluate shows "
    "it."
)
_NO_MONITOR = "This Dag evaluates no monitor, so there is nothing to show here."


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What a Dag run did.

    Attributes:
        run: The Dag run.
        is_monitor: Whether its Dag is that of a monitor.
        attempts: Its executions, the newest windows first.
        held: What Postgres holds now for their windows, whoever wrote it.
        shown: The evaluation that is told in full; None where it has none.
        attention: What of it asks for attention; one more than is shown if cut.
    """

    run: DagRunRef
    is_monitor: bool
    attempts: Sequence[Attempt]
    held: Mapping[Window, Evaluation]
    shown: Judged | None
    attention: Attention = field(default_factory=Attention)


def dag_run_page(found: RunResult, to: Addresses) -> Page:
    """Return the page: it stands inside Airflow's page of the run, and has no navigation."""
    if found.shown is not None:
        own = found.shown.evaluation
        content: list[Markup | None] = [
            _verdict(found.shown, found.attention, to),
            _others(found, to),
        ]
        content.append(section("Report", report_frame(found.shown, to)))
        return _document(f"{own.monitor}, {window_text(own.window)}", content, to)
    if found.attempts:
        first = found.attempts[0]
        content = [_outcome(first, found, to), _others(found, to)]
        return _document(f"{first.monitor}, {window_text(first.window)}", content, to)
    text = _NOTHING_YET if found.is_monitor else _NO_MONITOR
    return _document("Report", [element("h1", "Report"), empty(text)], to)


def _document(title: str, content: Sequence[Markup | None], to: Addresses) -> Page:
    return document(title, content, root=to.root, has_bar=False)


def _verdict(shown: Judged, attention: Attention, to: Addresses) -> Markup:
    own = shown.evaluation
    page = to.evaluation(own.monitor, own.window, is_draft=shown.is_draft)
    return element(
        "div",
        element(
            "h1", short(own.monitor), ", ", window_text(own.window), " ", status_badge(own.status)
        ),
        state_notes(shown),
        summary_facts(own, to),
        elsewhere(
            {
                "All measurements": page,
                "Monitor": to.monitor(own.monitor),
                "MLflow": to.model(own.model),
                "Grafana": None if shown.is_draft else to.grafana(own.monitor, own.window),
            }
        ),
        section(
            "What asks for attention",
            attention_list(attention, MOST_FAILED),
            note=f"The first {MOST_FAILED}." if len(attention.failed) > MOST_FAILED else None,
        ),
    )


def _outcome(attempt: Attempt, found: RunResult, to: Addresses) -> Markup:
    """Return what became of an execution that left no evaluation of its own."""
    title = element("h1", short(attempt.monitor), ", ", window_text(attempt.window))
    held = found.held.get(attempt.window)
    if attempt.outcome == "error":
        heading, text = "This run failed", attempt.error or "No reason was recorded."
        told = element("p", text, class_="error")
    elif attempt.outcome == "stale_attempt":
        heading = "This run came too late"
        told = element("p", "A later execution had judged this window before; its result stays.")
    elif held is None:
        heading = "The result is gone"
        told = element("p", "This run judged the window; maintenance has removed the result since.")
    else:
        heading = "The result was replaced"
        told = element("p", "This run judged the window; a later execution has judged it again.")
    monitor = elsewhere({"Monitor": to.monitor(attempt.monitor)})
    return element("div", title, monitor, section(heading, told), _present(held, found, to))


def _present(held: Evaluation | None, found: RunResult, to: Addresses) -> Markup | None:
    if held is None:
        return None
    run = held.dag_run
    by: Markup | str | None = None
    if run == found.run:
        by = "an earlier try of this run"
    elif run is not None:
        by = link(to.dag_run(run), run_name(run))
    return element(
        "p",
        "What is known of this window now: ",
        status_badge(held.status),
        " ",
        link(to.evaluation(held.monitor, held.window), "evaluation"),
        [" of ", by] if by else None,
        ", computed ",
        instant(held.computed_at),
    )


def _others(found: RunResult, to: Addresses) -> Markup | None:
    """Return all windows of a run that had several, such as the first run of a monitor."""
    latest: dict[Window, Attempt] = {}
    for attempt in found.attempts:
        latest.setdefault(attempt.window, attempt)
    if len(latest) < 2:
        return None
    return section(
        count(len(latest), "window", "windows"),
        table(
            "Windows of this run",
            _TITLES,
            [_row(attempt, found, to) for attempt in latest.values()],
        ),
    )


def _row(attempt: Attempt, found: RunResult, to: Addresses) -> tuple[Markup | str | None, ...]:
    held = found.held.get(attempt.window)
    told: Markup | str = {"written": "judged", "stale_attempt": "came too late"}.get(
        attempt.outcome, ""
    ) or short(attempt.error or "failed", 300)
    if attempt.outcome == "written" and (held is None or held.dag_run != found.run):
        told = "judged; replaced since" if held else "judged; removed since"
    return (
        status_badge(held.status) if held else None,
        window_link(held, to) if held else window_text(attempt.window),
        length(attempt.window),
        f"{held.rows.current:,}" if held else None,
        told,
    )
