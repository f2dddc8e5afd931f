"""Measurements as a table: value, threshold, method, sample sizes, reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from monitoring_jobs.browser.addresses import Address, link
from monitoring_jobs.browser.elements import Markup, Node, element
from monitoring_jobs.browser.figures import figure, figure_text, short, status_badge
from monitoring_jobs.browser.parts import table
from monitoring_jobs.browser.values import ATTENTION, WHOLE_WINDOW, Selection, Tally, rank
from monitoring_jobs.drift_methods import METHODS
from monitoring_jobs.results import Measurement, Scalar, Status

_TITLES = ("Status", "Check", "Metric", "Column", "Value", "Threshold", "Samples", "Explanation")

# Where a segment leads, by its name in a query.
SegmentPage = Callable[[str], Address]

_SIGNS = {"<": "<", "<=": "≤", ">": ">", ">=": "≥"}
# Metrics of quality of which there can be too little; of all others there can be too much.
_LEAST = frozenset({"rows", "data_quality_score"})
# Told in columns of their own.
_TOLD = frozenset(
    {"bound", "method", "n", "n_current", "n_reference", "reason", "drifted", "p_value"}
)


def measurement_table(
    caption: str, shown: Sequence[Measurement], segment_page: SegmentPage | None = None
) -> Markup:
    """Return measurements, one a row; the column of segments is there where there are any."""
    titles = list(_TITLES)
    has_segments = any(m.segment for m in shown)
    if has_segments:
        titles.insert(4, "Segment")
    rows = [_row(m) for m in shown]
    if has_segments:
        for row, m in zip(rows, shown, strict=True):
            row.insert(4, _segment(m.segment, segment_page))
    return table(caption, titles, rows)


def _row(m: Measurement) -> list[Node]:
    return [
        status_badge(m.status),
        m.check,
        _metric(m),
        short(m.column) if m.column else element("span", "all columns", class_="muted"),
        figure(m.value) or element("span", "none", class_="muted"),
        _threshold(m),
        _samples(m.detail),
        _explanation(m),
    ]


def _segment(segment: str, page: SegmentPage | None) -> Node:
    name = short(segment) if segment else element("span", WHOLE_WINDOW, class_="muted")
    return name if page is None else link(page(segment or WHOLE_WINDOW), name)


def _metric(m: Measurement) -> Node:
    if m.detail.get("p_value") is True:
        return [m.metric, " ", element("span", "p-value", class_="muted")]
    return m.metric


def _threshold(m: Measurement) -> Node:
    """Return what a value was compared with, and on which side of it a value is not ok."""
    if m.threshold is None:
        return None
    text = " ".join(filter(None, [_sign(m), figure_text(m.threshold)]))
    return element("span", text, title=f"Not ok on this side of {m.threshold!r}.")


def _sign(m: Measurement) -> str:
    """Return the comparison with its threshold that makes a measurement not ok."""
    if m.check == "drift":
        method = METHODS.get(m.metric)
        return _SIGNS[method.drift_when if method is not None else ">="]
    if m.check == "performance":
        # Bounds are told in the detail; coverage of predictions has only one.
        is_most = m.detail.get("max") == m.threshold and m.detail.get("min") != m.threshold
        return ">" if is_most else "<"
    return "<" if m.metric in _LEAST else ">"


def _samples(detail: Mapping[str, Scalar]) -> str:
    sizes = [detail.get(key) for key in ("n_current", "n_reference")]
    if any(isinstance(size, int) for size in sizes):
        current, reference = (f"{n:,}" if isinstance(n, int) else "?" for n in sizes)
        return f"{current} vs {reference}"
    n = detail.get("n")
    return f"{n:,}" if isinstance(n, int) else ""


def _explanation(m: Measurement) -> Node:
    # Of a range, the end that the value was compared with is told already.
    detail = {
        key: value
        for key, value in m.detail.items()
        if not (key in ("min", "max") and value == m.threshold)
    }
    reason = detail.get("reason")
    told = [short(str(reason), 300)] if reason not in (None, "") else []
    rest = "; ".join(
        f"{key.replace('_', ' ')} {_scalar(value)}"
        for key, value in detail.items()
        if key not in _TOLD and value is not None
    )
    muted = element("span", short(rest, 200), class_="muted") if rest else None
    return [told, " " if told and rest else None, muted]


def _scalar(value: Scalar) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return figure_text(value) if isinstance(value, int | float) else str(value)


def ordered(measurements: Iterable[Measurement]) -> list[Measurement]:
    """Return measurements in the pages' order, as the query has it."""
    return sorted(
        measurements, key=lambda m: (rank(m.status), m.segment, m.check, m.column, m.metric)
    )


def selected(measurements: Iterable[Measurement], chosen: Selection) -> list[Measurement]:
    """Return those that are asked for, in the pages' order, as the query does."""
    found = [
        m
        for m in measurements
        if m.status in chosen.statuses
        and chosen.check in ("", m.check)
        and chosen.segment in (None, m.segment)
        and chosen.column.lower() in m.column.lower()
    ]
    return ordered(found)[chosen.offset : chosen.offset + chosen.limit]


def tallied(measurements: Iterable[Measurement]) -> list[Tally]:
    """Count measurements by segment, check and status."""
    counts = Counter((m.segment, m.check, m.status) for m in measurements)
    return [
        Tally(segment=segment, check=check, status=status, count=number)
        for (segment, check, status), number in counts.items()
    ]


def by_status(tallies: Iterable[Tally]) -> dict[Status, int]:
    """Return how many measurements have each status."""
    counts: Counter[Status] = Counter()
    for tally in tallies:
        counts[tally.status] += tally.count
    return dict(counts)


def segments_by_need(tallies: Iterable[Tally]) -> list[tuple[str, dict[Status, int]]]:
    """Return the segments with their counts, those with the worst findings first."""
    found: dict[str, Counter[Status]] = {}
    for tally in tallies:
        if tally.segment:
            found.setdefault(tally.segment, Counter())[tally.status] += tally.count
    return sorted(
        ((segment, dict(counts)) for segment, counts in found.items()),
        key=lambda item: ([-item[1].get(status, 0) for status in ATTENTION], item[0]),
    )
