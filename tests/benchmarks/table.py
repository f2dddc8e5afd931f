"""The figures as tables: one model of cells, shown in the terminal or written as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.table import Table as RichTable

from tests.benchmarks import engine
from tests.benchmarks.demands import Verdict, time_of
from tests.benchmarks.results import Results, Section
from tests.benchmarks.trials import Row

TITLES = {
    "engine": "Evaluate: a window against a reference of as many rows",
    "methods": "Drift methods: one column of a million values against another",
    "backfill": "Backfill: many windows against one reference",
    "reading": "Reading a window from Postgres",
    "extraction": "Extraction: runs of 20 metrics and 10 params from MLflow into Postgres",
    "publish": "Publish: measurements of one evaluation into Postgres",
    "push": "Push: series of one evaluation to the Pushgateway",
    "browser": "Report browser: a page over 100,000 evaluations",
    "dashboards": "Dashboards: a query over two years of daily results",
    "fleet": "Fleet: monitors judged by Airflow's workers on the compose stack",
}
# Sections whose times are a few milliseconds; the slowest matter as much as the median.
_FINE = {"methods": 4, "browser": 4, "dashboards": 4}
# Below, the cells cost less than the start-up varies.
_CELLS_TOLD = 5_000_000
_LEFT = ("what", "note", "demand", "verdict")


@dataclass(frozen=True, slots=True)
class Table:
    """Headings and rows of text; an empty row separates groups in the terminal."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]

    def to_rich(self) -> RichTable:
        """Return the table for a terminal."""
        table = RichTable(title=self.title, title_justify="left", title_style="bold")
        for heading in self.headings:
            table.add_column(heading, justify="left" if heading in _LEFT else "right")
        for row in self.rows:
            if row:
                table.add_row(*row)
            else:
                table.add_section()
        return table

    def to_markdown(self) -> str:
        """Return the table as Markdown, groups run together."""
        rules = ["---" if heading in _LEFT else "--:" for heading in self.headings]
        lines = [self.headings, rules, *(row for row in self.rows if row)]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def section_table(name: str, section: Section) -> Table:
    """Return the rows of a section, each beside ours of the same size."""
    shows_own = any(row.own_seconds is not None for row in section.rows)
    shows_columns = any(row.columns for row in section.rows)
    shows_threads = any(row.threads for row in section.rows)
    optional = {
        "columns": shows_columns,
        "threads": shows_threads,
        "95 %": name in _FINE,
        "job alone s": shows_own,
    }
    headings = ["rows", "columns", "what", "threads", "times", "seconds", "95 %", "from-to"]
    headings += ["job alone s", "cpu s", "peak MB", "beside ours"]
    rows: list[list[str]] = []
    for _, group in groupby(section.rows, key=lambda row: (row.rows, row.columns)):
        members = list(group)
        if rows and shows_columns:
            rows.append([])
        baseline = _baseline(members, section.rows)
        for row in members:
            cells = dict(zip(headings, _cells(row, baseline, _FINE.get(name, 2)), strict=True))
            rows.append([cells[h] for h in headings if optional.get(h, True)])
    return Table(TITLES[name], [h for h in headings if optional.get(h, True)], rows)


def verdict_table(verdicts: Sequence[Verdict]) -> Table:
    """Return the demands, one a row."""
    rows = [[own.demand, own.limit, own.measured or "-", own.word] for own in verdicts]
    return Table("What must hold", ["demand", "limit", "measured", "verdict"], rows)


def growth_table(results: Results) -> Table:
    """Return how the time of one thread grows with rows and columns, start-up taken off."""
    headings = ["rows", "columns", "what", "seconds", "beyond start-up", "ns a cell"]
    return Table("Growth on one thread", headings, list(_growth(results)))


def _growth(results: Results) -> Iterator[list[str]]:
    section = results.sections.get("engine")
    found = list(section.rows) if section else []
    for what in (engine.COLD, engine.FLOOR):
        own = [row for row in found if row.what == what and row.threads == 1 and row.costs]
        own.sort(key=lambda row: (row.columns, row.rows))
        if not own:
            continue
        start = min(row.seconds for row in own)
        for row in own:
            beyond = row.seconds - start
            # Window and reference both: each has so many rows.
            cells = 2 * row.rows * row.columns
            each = f"{beyond / cells * 1e9:.1f}" if beyond > 0 and cells >= _CELLS_TOLD else "-"
            size = [f"{row.rows:,}", str(row.columns), what]
            yield [*size, f"{row.seconds:.2f}", f"{beyond:.2f}", each]


def _baseline(group: Sequence[Row], everything: Sequence[Row]) -> Row | None:
    for row in (*group, *everything):
        if row.ours and row.costs:
            return row
    return None


def _cells(row: Row, baseline: Row | None, digits: int) -> list[str]:
    head = [f"{row.rows:,}", str(row.columns or ""), row.what, str(row.threads or "")]
    if not row.costs:
        why = "failed" if row.failures else row.note or "not measured"
        return [*head[:2], f"{row.what} ({why})", *head[3:], *[""] * 8]
    shortest, longest = row.spread
    own = row.own_seconds
    ratio = f"{time_of(row) / time_of(baseline):.2f}x" if baseline else ""
    return [
        *head,
        str(len(row.costs)),
        f"{row.seconds:.{digits}f}",
        f"{row.slow_seconds:.{digits}f}",
        f"{shortest:.{digits}f}-{longest:.{digits}f}",
        "" if own is None else f"{own:.{digits}f}",
        f"{row.cpu_seconds:.{digits}f}",
        f"{row.megabytes:,.0f}",
        ratio,
    ]
