"""Every page made of given values, and what a browser would find in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser

from monitoring_jobs.browser.addresses import Addresses
from monitoring_jobs.browser.dag_run import RunResult, dag_run_page
from monitoring_jobs.browser.evaluation import evaluation_page, report_view
from monitoring_jobs.browser.evaluations import Found, evaluations_page
from monitoring_jobs.browser.measurements import ordered, tallied
from monitoring_jobs.browser.monitor import Overview, monitor_page
from monitoring_jobs.browser.monitors import listed, monitors_page
from monitoring_jobs.browser.page import Page
from monitoring_jobs.browser.requests import asked
from monitoring_jobs.browser.values import (
    Attempt,
    Attention,
    Judged,
    Lack,
    Mark,
    Selection,
    Standing,
)
from monitoring_jobs.links import Links
from monitoring_jobs.results import DagRunRef, Evaluation, Measurement, ModelRef, Status
from tests.fixtures.evaluations import COMPUTED, DAY, make_evaluation

LINKS = Links(airflow="/", mlflow="https://mlflow.test", grafana="https://grafana.test")
VOID = frozenset({"br", "input", "link", "meta"})


class Parsed(HTMLParser):
    """The elements, attributes and text of a page.

    Attributes:
        tags: Names of the elements in order.
        attributes: Names of all attributes with their elements.
        links: Values of href, src and action.
        text: All text.
        unclosed: What was opened and not closed in its turn.
    """

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.links: list[str] = []
        self.text = ""
        self.unclosed: list[str] = []
        assert isinstance(page.body, str)
        page.body.encode()
        self.feed(page.body)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name) for name, _ in attrs]
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action")]
        if tag not in VOID:
            self.unclosed.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.unclosed.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError("no page has a comment")

    @property
    def shape(self) -> tuple[list[str], list[tuple[str, str]]]:
        """What of a page must not depend on the data in it."""
        return self.tags, self.attributes


def pages_about(*, name: str, text: str) -> Iterator[tuple[str, Page]]:
    """Yield every page, with one name for monitor and model and one text everywhere else."""
    run = DagRunRef(dag_id=f"monitor__{name}", run_id=text)
    measurements = [
        Measurement(
            check="drift",
            metric="ks",
            column=text,
            segment=segment,
            value=0.01,
            threshold=0.05,
            status=status,
            detail={"reason": text, "n_current": 1, text: text, "p_value": True},
        )
        for segment, status in (("", Status.FAILED), (f"s={text}", Status.OK))
    ]
    evaluation = make_evaluation(
        monitor=name,
        model=ModelRef(name=text, version=text, alias=text),
        owner=text,
        reference_id=text,
        spec_hash=text,
        code_version=text,
        attempt=text,
        report="report.html",
        status=Status.FAILED,
        measurements=tuple(measurements),
        dag_run=run,
    )
    attempt = Attempt(
        monitor=name, window=DAY, outcome="error", error=text, recorded_at=COMPUTED, dag_run=run
    )
    found = Judged(
        evaluation=evaluation, shown=ordered(measurements), tallies=tallied(measurements)
    )
    yield from _lists(evaluation, text)
    yield from _details(evaluation, attempt, found, run)


def _lists(evaluation: Evaluation, text: str) -> Iterator[tuple[str, Page]]:
    name = evaluation.monitor
    query = {"q": text, "model": text, "owner": text, "status": text, "from": text, "to": text}
    wanted = asked(query)
    standing = Standing(
        monitor=name, status=Status.FAILED, owner=text, model=text, failed_at=COMPUTED
    )
    shown = listed([standing], asked({}).filters, 1, lambda names: names)
    marks = [Mark(window=DAY, status=Status.FAILED)]
    here = Addresses(links=LINKS)
    yield "monitors", monitors_page(shown, wanted, here, {name: evaluation}, {name: marks})
    found = Found(shown=[evaluation], behind=evaluation)
    yield "evaluations", evaluations_page(found, wanted, here, is_first=False)


def _details(
    evaluation: Evaluation, attempt: Attempt, found: Judged, run: DagRunRef
) -> Iterator[tuple[str, Page]]:
    name, text = evaluation.monitor, run.run_id
    below = Addresses(links=LINKS, root="../")
    attention = Attention(
        failed=found.shown, lacks=[Lack(check=text, reason=text, count=n) for n in (1, 2)]
    )
    overview = Overview(
        name=name,
        newest=evaluation,
        marks=[Mark(window=DAY, status=Status.FAILED)],
        attention=attention,
        windows=[evaluation],
        attempts=[attempt],
        failed_at=COMPUTED,
    )
    yield "monitor", monitor_page(overview, asked({}), below, is_first=True)
    chosen = Selection(check=text, segment=text, column=text)
    given = {"check": text, "segment": text, "column": text, "status": text}
    yield "evaluation", evaluation_page(found, chosen, given, [attempt], below)
    yield "report view", report_view(found, below)
    tab = Addresses(links=LINKS, is_tab=True)
    later = Attempt(
        monitor=name,
        window=type(DAY)(DAY.start - timedelta(days=1), DAY.start),
        outcome="error",
        error=text,
        recorded_at=COMPUTED,
        dag_run=run,
    )
    held = {DAY: evaluation}
    tries = [attempt, later]
    for title, shown in (("tab", found), ("failed tab", None)):
        result = RunResult(
            run=run,
            is_monitor=True,
            attempts=tries,
            held=held,
            shown=shown,
            attention=attention,
        )
        yield title, dag_run_page(result, tab)
