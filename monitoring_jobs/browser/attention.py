"""What of an evaluation asks for attention: what failed one by one, what lacks data by reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from monitoring_jobs.browser.elements import Markup, Node, element, together
from monitoring_jobs.browser.figures import count, short, status_badge
from monitoring_jobs.browser.measurements import SegmentPage, measurement_table, selected
from monitoring_jobs.browser.parts import empty
from monitoring_jobs.browser.values import FAILURES, Attention, Lack, Selection
from monitoring_jobs.results import Measurement, Status

_MOST_REASONS = 10


def attention_list(found: Attention, most: int, segment_page: SegmentPage | None = None) -> Markup:
    """Return what failed as a table, and a sentence for each reason why data are lacking.

    Args:
        found: What asks for attention.
        most: So many of what failed are shown.
        segment_page: Where a segment leads.
    """
    failed = found.failed[:most]
    if not failed and not found.lacks:
        return empty("Nothing asks for attention.")
    table = measurement_table("What asks for attention", failed, segment_page) if failed else None
    return together(table, _sentences(found.lacks) if found.lacks else None)


def attention_of(measurements: Sequence[Measurement], most: int) -> Attention:
    """Return what asks for attention among measurements, as the queries do."""
    failed = selected(measurements, Selection(statuses=FAILURES, limit=most))
    return Attention(failed=failed, lacks=lacking(measurements))


def lacking(measurements: Iterable[Measurement]) -> list[Lack]:
    """Count what lacks data by check and reason, the most frequent first, as the query does."""
    counts = Counter(
        (m.check, str(m.detail.get("reason") or ""))
        for m in measurements
        if m.status is Status.INSUFFICIENT_DATA
    )
    found = [Lack(check=c, reason=reason, count=n) for (c, reason), n in counts.items()]
    return sorted(found, key=lambda lack: (-lack.count, lack.check, lack.reason))


def _sentences(lacks: Sequence[Lack]) -> Markup:
    told: list[Node] = [_sentence(lack) for lack in lacks[:_MOST_REASONS]]
    rest = sum(lack.count for lack in lacks[_MOST_REASONS:])
    if rest:
        told.append(f"{count(rest, 'other lacks', 'others lack')} data for other reasons.")
    badge = status_badge(Status.INSUFFICIENT_DATA)
    return element("ul", [element("li", badge, " ", each) for each in told], class_="lacks")


def _sentence(lack: Lack) -> Node:
    number = count(lack.count, "measurement", "measurements")
    verb = "lacks" if lack.count == 1 else "lack"
    return [
        f"{number} of {lack.check} {verb} data",
        ": " if lack.reason else "",
        short(lack.reason, 300),
    ]
