"""The report browser: one method per page, each reads what it shows in one snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import TYPE_CHECKING

from monitoring_jobs.browser import page, queries
from monitoring_jobs.browser.addresses import Addresses
from monitoring_jobs.browser.attention import attention_of
from monitoring_jobs.browser.dag_run import MOST_FAILED as MOST_FAILED_OF_RUN
from monitoring_jobs.browser.dag_run import RunResult, dag_run_page
from monitoring_jobs.browser.evaluation import evaluation_page, report_view
from monitoring_jobs.browser.evaluations import evaluations_page, readable
from monitoring_jobs.browser.measurement_list import PAGE as MEASUREMENTS
from monitoring_jobs.browser.monitor import MOST_FAILED, Overview, monitor_page
from monitoring_jobs.browser.monitor import PAGE as WINDOWS
from monitoring_jobs.browser.monitors import MayRead, listed, monitors_page
from monitoring_jobs.browser.page import Page, not_found
from monitoring_jobs.browser.requests import asked, page_number, selection
from monitoring_jobs.browser.stored import Stored, judged
from monitoring_jobs.browser.values import FAILURES, Attention, Judged, Selection, Span
from monitoring_jobs.evaluation_ids import parse_evaluation_id, parse_window_id
from monitoring_jobs.links import DAG_PREFIX, Links
from monitoring_jobs.results import DagRunRef, Evaluation
from monitoring_jobs.settings import Settings
from monitoring_jobs.windows import Window

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2's own name

Query = Mapping[str, str]

_EMPTY: Query = MappingProxyType({})
_NO_EVALUATION = "There is no such evaluation. Maintenance may have removed it."
_NO_REPORT = "This evaluation has no report, or it was removed."
_ALWAYS = Span()


class Browser:
    """Pages about monitors, for people: none of them changes anything.

    Every method returns a page, that of what does not exist included. What cannot be read at the
    moment raises ``MonitoringError``; who may see which monitor is decided by the caller.
    """

    def __init__(self, settings: Settings, links: Links) -> None:
        self._settings = settings
        self._links = links
        self._store = Stored(settings.report_store)

    def monitors(self, query: Query, may_read: MayRead) -> Page:
        """Return the list of monitors, the worst first.

        Args:
            query: q, model, owner, status, from, to, page.
            may_read: Returns those of some monitors that the reader may see.
        """
        wanted = asked(query)
        span = wanted.filters.span
        with self._reading() as cursor:
            standings = queries.standings(cursor, span)
            found = listed(standings, wanted.filters, page_number(query), may_read)
            names = [standing.monitor for standing in found.shown]
            newest = queries.newest(cursor, names, span)
            trends = queries.trends(cursor, names, span)
        return monitors_page(found, wanted, self._from(""), newest, trends)

    def evaluations(self, query: Query, may_read: MayRead) -> Page:
        """Return the list of judged windows, newest first.

        Args:
            query: q, model, owner, status, from, to; ``after`` is the id of an evaluation.
            may_read: Returns those of some monitors that the reader may see.
        """
        wanted = asked(query)
        behind = _parsed(query.get("after", ""))
        with self._reading() as cursor:
            found = readable(
                lambda position, limit: queries.evaluations(
                    cursor, wanted.filters, position, limit
                ),
                behind,
                may_read,
            )
        return evaluations_page(found, wanted, self._from(""), is_first=behind is None)

    def monitor(self, name: str, query: Query = _EMPTY) -> Page:
        """Return a monitor's page.

        Args:
            name: Of the monitor.
            query: status, from, to; ``after`` is the id of a window.
        """
        wanted = asked({key: query[key] for key in ("status", "from", "to") if key in query})
        behind = _parsed_window(query.get("after", ""))
        with self._reading() as cursor:
            newest = queries.newest(cursor, [name], _ALWAYS).get(name)
            attempts = queries.failed_attempts(cursor, name)
            if newest is None and not attempts:
                return not_found("There is no such monitor, or it has never run.", root="../")
            found = Overview(
                name=name,
                newest=newest,
                marks=queries.trends(cursor, [name], _ALWAYS).get(name, ()),
                attention=_attention(cursor, newest, MOST_FAILED),
                windows=queries.windows(
                    cursor,
                    name,
                    status=wanted.filters.status,
                    span=wanted.filters.span,
                    behind=behind,
                    limit=WINDOWS + 1,
                ),
                attempts=attempts,
                failed_at=queries.failed_at(cursor, name),
            )
        return monitor_page(found, wanted, self._from("../"), is_first=behind is None)

    def latest_report(self, name: str) -> Page:
        """Return the way to the newest evaluation's report; to the monitor's page without one."""
        with self._reading() as cursor:
            newest = queries.newest(cursor, [name], _ALWAYS).get(name)
        to = self._from("../../")
        if newest is None:
            return page.elsewhere(to.monitor(name).href)
        view = {"view": "report"} if newest.report else {}
        return page.elsewhere(to.evaluation(name, newest.window, view).href)

    def evaluation(self, evaluation_id: str, query: Query = _EMPTY) -> Page:
        """Return an evaluation's page.

        Args:
            evaluation_id: As ``evaluation_ids`` writes it.
            query: ``view`` is report or nothing; status, check, segment, column, page choose among
                the measurements.
        """
        key = _parsed(evaluation_id)
        if key is None:
            return not_found(_NO_EVALUATION, root="../")
        chosen, given = selection(query, limit=MEASUREMENTS)
        is_report = query.get("view") == "report"
        with self._reading() as cursor:
            own = queries.evaluation(cursor, *key)
            attempts = queries.window_attempts(cursor, *key)
            found = None
            if own is not None:
                shown = [] if is_report else queries.measurements(cursor, *key, chosen.and_one())
                tallies = [] if is_report else queries.tallies(cursor, *key)
                found = Judged(evaluation=own, shown=shown, tallies=tallies)
        if found is None:
            stored = self._store.evaluation(*key, is_draft=False)
            if stored is None:
                return not_found(_NO_EVALUATION, root="../")
            found = judged(stored, chosen.and_one(), is_draft=False)
        if is_report:
            return report_view(found, self._from("../"))
        return evaluation_page(found, chosen, given, attempts, self._from("../"))

    def draft(self, evaluation_id: str, query: Query = _EMPTY) -> Page:
        """Return the page of an evaluation that was not published; as ``evaluation``."""
        key = _parsed(evaluation_id)
        stored = None if key is None else self._store.evaluation(*key, is_draft=True)
        if stored is None:
            return not_found(
                "There is no such draft. Drafts are removed after 30 days.", root="../"
            )
        chosen, given = selection(query, limit=MEASUREMENTS)
        found = judged(stored, chosen.and_one(), is_draft=True)
        if query.get("view") == "report":
            return report_view(found, self._from("../"))
        return evaluation_page(found, chosen, given, (), self._from("../"))

    def report(self, evaluation_id: str) -> Page:
        """Return the report of an evaluation: HTML of its own, in a sandbox."""
        return self._report(evaluation_id, is_draft=False)

    def draft_report(self, evaluation_id: str) -> Page:
        """Return the report of an evaluation that was not published."""
        return self._report(evaluation_id, is_draft=True)

    def dag_run(self, dag_id: str, run_id: str) -> Page:
        """Return the tab of a Dag run: what it judged, what failed, and the report."""
        run = DagRunRef(dag_id=dag_id, run_id=run_id)
        monitor = dag_id.removeprefix(DAG_PREFIX)
        is_monitor = monitor != dag_id
        to = Addresses(links=self._links, root="", is_tab=True)
        if not is_monitor or not _is_storable(run):
            nothing = RunResult(run=run, is_monitor=is_monitor, attempts=(), held={}, shown=None)
            return dag_run_page(nothing, to)
        with self._reading() as cursor:
            # Who may see the Dag may see its monitor, and no other.
            attempts = [a for a in queries.run_attempts(cursor, run) if a.monitor == monitor]
            windows = {attempt.window for attempt in attempts}
            held = {e.window: e for e in queries.windows_of(cursor, monitor, windows)}
            own = next((held[w] for w in sorted(held, key=_by_end) if held[w].dag_run == run), None)
            attention = _attention(cursor, own, MOST_FAILED_OF_RUN)
        shown = None if own is None else Judged(evaluation=own)
        if not attempts:
            draft = self._store.draft_of(monitor, run)
            if draft is not None:
                shown = Judged(evaluation=draft, is_draft=True, is_stored=False)
                attention = attention_of(draft.measurements, MOST_FAILED_OF_RUN + 1)
        found = RunResult(
            run=run,
            is_monitor=True,
            attempts=attempts,
            held=held,
            shown=shown,
            attention=attention,
        )
        return dag_run_page(found, to)

    def static(self, name: str) -> Page:
        """Return style.css or page.js."""
        return page.static(name)

    def _report(self, evaluation_id: str, *, is_draft: bool) -> Page:
        key = _parsed(evaluation_id)
        text = None if key is None else self._store.report(*key, is_draft=is_draft)
        return not_found(_NO_REPORT, root="../../") if text is None else page.report(text)

    def _reading(self) -> AbstractContextManager[Cursor]:
        from monitoring_jobs.database import reading

        return reading(self._settings.require_reader_url())

    def _from(self, root: str) -> Addresses:
        return Addresses(links=self._links, root=root)


def _attention(cursor: Cursor, own: Evaluation | None, most: int) -> Attention:
    """Return what asks for attention, one more than is shown where there are so many."""
    if own is None:
        return Attention()
    key = own.monitor, own.window
    chosen = Selection(statuses=FAILURES, limit=most + 1)
    return Attention(
        failed=queries.measurements(cursor, *key, chosen), lacks=queries.lacks(cursor, *key)
    )


def _parsed(evaluation_id: str) -> tuple[str, Window] | None:
    try:
        return parse_evaluation_id(evaluation_id)
    except ValueError:
        return None


def _parsed_window(text: str) -> Window | None:
    try:
        return parse_window_id(text)
    except ValueError:
        return None


def _by_end(window: Window) -> tuple[float, float]:
    return -window.end.timestamp(), -window.start.timestamp()


def _is_storable(run: DagRunRef) -> bool:
    """Say whether Postgres can be asked for a run at all."""
    return not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in run.dag_id + run.run_id)
