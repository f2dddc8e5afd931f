"""The summary: the window's own measurements, beside what the reference's sample shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from monitoring_jobs.reports.drawings import Drawing, digits, share
from monitoring_jobs.reports.widgets import Widget, card, heading, pages, table
from monitoring_jobs.results import Evaluation, RowCounts

# What a card calls a number, and what the quality check calls it; these stand for both sides.
_MEASURED = {"mean": "mean", "std": "std", "min": "min", "median": "q50", "max": "max"}
# These stand for the window only: a sample of the reference would tell another story.
_ONE_SIDED = (
    ("distinct", "distinct", ",.0f"),
    ("infinite", "infinite_share", ".1%"),
    ("outside the reference's range", "out_of_range_share", ".1%"),
    ("new categories", "new_category_share", ".1%"),
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """How many rows of the window and of the reference there are, and are drawn."""

    rows: RowCounts
    current: int
    reference: int

    @property
    def current_heading(self) -> str:
        """What the window's sample is called; one that holds every row is none."""
        return "current" if self.current == self.rows.current else "current (sample)"

    @property
    def reference_heading(self) -> str:
        """What the reference's sample is called, likewise."""
        return "reference" if self.reference == self.rows.reference else "reference (sample)"


class Measured:
    """The window's numbers of the quality check, by column and metric."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.rows = evaluation.rows.current
        self._values = {
            (m.column, m.metric): m.value
            for m in evaluation.measurements
            if m.check == "quality" and not m.segment and m.value is not None
        }

    def has(self, column: str) -> bool:
        """Return whether the column was measured."""
        return (column, "missing_count") in self._values

    def get(self, column: str, metric: str) -> float | None:
        """Return a number; None where there is none."""
        return self._values.get((column, metric))

    def missing(self, *columns: str) -> str:
        """Return how many values of some columns are missing, and the share."""
        count = sum(self._values[column, "missing_count"] for column in columns)
        return share(int(count), self.rows * len(columns))


def summary_section(
    evaluation: Evaluation,
    drawings: Mapping[str, Drawing],
    cards: Mapping[str, Widget],
    *,
    features: Sequence[str],
    drawn: Drawn,
) -> list[Widget]:
    """Return a table of the dataset and a card of every drawn column, ten to a page.

    Args:
        evaluation: Whose measurements are shown.
        drawings: What the sample shows of the columns, by name.
        cards: Those of ``column_card``, by name.
        features: The monitored columns; the prediction and the target are none.
        drawn: How large the sample is.
    """
    if not drawings:
        return []
    measured = Measured(evaluation)
    known = [name for name in features if measured.has(name) and name in drawings]
    rows = evaluation.rows
    facts = [
        ("rows", f"{rows.current:,}", f"{rows.reference:,}"),
        ("rows drawn", f"{drawn.current:,}", f"{drawn.reference:,}"),
        ("columns", f"{len(features):,}", f"{len(features):,}"),
    ]
    if known:
        facts.append(("missing values", measured.missing(*known), _missing(known, drawings, drawn)))
    score = measured.get("", "data_quality_score")
    if score is not None:
        facts.append(("data quality score", digits(score), ""))
    listed = [pages(list(cards.values()))] if cards else []
    return [heading("Dataset Summary"), table(("", "current", "reference"), facts), *listed]


def _missing(names: Sequence[str], drawings: Mapping[str, Drawing], drawn: Drawn) -> str:
    count = sum(drawings[name].missing[1] for name in names)
    note = " of the sample" if drawn.reference < drawn.rows.reference else ""
    return share(count, drawn.reference * len(names)) + note


def column_card(key: str, drawing: Drawing, measured: Measured, drawn: Drawn) -> Widget:
    """Return one column's facts beside its figure; of a measured column those of all rows."""
    if measured.has(drawing.name):
        heads = ("current", drawn.reference_heading)
        facts = _measured_facts(drawing, measured)
    else:
        heads = (drawn.current_heading, drawn.reference_heading)
        facts = list(drawing.facts.items())
    return card(key, drawing.title, drawing.kind, heads, facts, drawing.figure or {})


def _measured_facts(drawing: Drawing, measured: Measured) -> list[tuple[str, tuple[str, str]]]:
    name, sampled = drawing.name, drawing.facts
    own = {"count": f"{measured.rows:,}", "missing": measured.missing(name)}
    for label, metric in _MEASURED.items():
        number = measured.get(name, metric)
        own[label] = "" if number is None else digits(number)
    if "most common" in sampled:
        own["most common"] = f"{sampled['most common'][0]} of those drawn"
    facts = [(label, (own[label], pair[1])) for label, pair in sampled.items()]
    for label, metric, form in _ONE_SIDED:
        number = measured.get(name, metric)
        if number:
            facts.append((label, (format(number, form), "")))
    return facts
