"""The measurements of an evaluation as a list that can be narrowed and paged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from monitoring_jobs.browser.addresses import Address, Addresses, link
from monitoring_jobs.browser.elements import Markup, element, together
from monitoring_jobs.browser.figures import from_to, short, status_badge, word
from monitoring_jobs.browser.measurements import by_status, measurement_table, segments_by_need
from monitoring_jobs.browser.parts import chips, empty, ends_earlier, field, pager, section, table
from monitoring_jobs.browser.values import ATTENTION, ORDER, WHOLE_WINDOW, Judged, Selection, Tally
from monitoring_jobs.results import Status

PAGE = 100
_MOST_SEGMENTS = 50
_MOST_OFFERED = 1000


def measurement_list(
    found: Judged, chosen: Selection, given: Mapping[str, str], to: Addresses
) -> Markup:
    """Return a part of the measurements, what asks for attention first.

    Args:
        found: What is shown.
        chosen: Which part.
        given: The query that asks for that part, without its page.
        to: Where links lead.
    """
    return section(
        "Measurements",
        _statuses(found, chosen, given, to),
        _search(found, chosen, given, to),
        _measurements(found, chosen, given, to),
    )


def page_of(found: Judged, to: Addresses, query: Mapping[str, str]) -> Address:
    """Return the page of an evaluation or a draft, asked for something."""
    own = found.evaluation
    return to.evaluation(own.monitor, own.window, query, is_draft=found.is_draft)


def _statuses(found: Judged, chosen: Selection, given: Mapping[str, str], to: Addresses) -> Markup:
    """Return links to each status of what the other filters leave, the chosen one always."""
    counts = by_status(_matching(found, chosen))
    current = given.get("status", "")

    def entry(
        text: Markup | str, statuses: Sequence[Status], value: str
    ) -> tuple[Markup | str, int | None, Address, bool] | None:
        number = sum(counts.get(status, 0) for status in statuses)
        if value not in ("", current) and not number:
            return None
        # Tallies know no columns.
        shown = None if chosen.column else number
        return text, shown, page_of(found, to, {**given, "status": value}), current == value

    entries = [entry("all", ORDER, ""), entry("asks for attention", ATTENTION, "attention")]
    entries += [entry(status_badge(status), (status,), str(status)) for status in ORDER]
    return chips([each for each in entries if each], title="Measurements by status")


def _search(
    found: Judged, chosen: Selection, given: Mapping[str, str], to: Addresses
) -> Markup | None:
    checks = sorted({tally.check for tally in found.tallies})
    if sum(tally.count for tally in found.tallies) <= PAGE // 4 and not given:
        return None
    options = [element("option", "any", value="", selected=not chosen.check)]
    options += [
        element("option", check, value=check, selected=check == chosen.check) for check in checks
    ]
    kept = [
        element("input", type="hidden", name=key, value=given[key])
        for key in ("status",)
        if key in given
    ]
    here = page_of(found, to, {})
    return element(
        "form",
        kept,
        field("Check", element("select", options, name="check")),
        field(
            "Column",
            element(
                "input", type="search", name="column", value=chosen.column, placeholder="contains"
            ),
        ),
        _segments(found, given),
        element(
            "div",
            element("button", "Filter", type="submit"),
            link(here, "Clear", class_="quiet") if given else None,
            class_="buttons",
        ),
        method="get",
        action=here.href,
        class_="filters",
        role="search",
    )


def _segments(found: Judged, given: Mapping[str, str]) -> list[Markup] | None:
    """Return the field for a segment's whole name, which offers the names there are."""
    names = sorted({tally.segment for tally in found.tallies} - {""})
    current = given.get("segment", "")
    if not names and not current:
        return None
    offered = [WHOLE_WINDOW, *names[:_MOST_OFFERED]]
    return [
        field(
            "Segment",
            element(
                "input",
                type="search",
                name="segment",
                value=current,
                placeholder="is",
                list="segments",
                autocomplete="off",
            ),
        ),
        element("datalist", [element("option", value=name) for name in offered], id="segments"),
    ]


def _measurements(
    found: Judged, chosen: Selection, given: Mapping[str, str], to: Addresses
) -> Markup:
    if not found.tallies:
        return empty("This evaluation measured nothing: the monitor file turns every check off.")
    if not found.shown and chosen.offset:
        return ends_earlier(page_of(found, to, given))
    if not found.shown:
        return empty("No measurement matches. ", link(page_of(found, to, {}), "Show all"))
    page = chosen.offset // chosen.limit + 1
    shown = found.shown[: chosen.limit]
    has_more = len(found.shown) > chosen.limit
    first, last = chosen.offset + 1, chosen.offset + len(shown)
    told = from_to(first, last)
    if not chosen.column or not has_more:
        told += f" of {_total(found, chosen) if has_more else last:,}"
    back, on = (page_of(found, to, {**given, "page": str(page + step)}) for step in (-1, 1))

    def segment_page(segment: str) -> Address:
        return page_of(found, to, {**given, "segment": segment})

    return together(
        measurement_table("Measurements, what asks for attention first", shown, segment_page),
        pager(back=back if page > 1 else None, on=on if has_more else None, told=told),
    )


def _matching(found: Judged, chosen: Selection) -> list[Tally]:
    """Return the tallies of what was asked for, in any status and column."""
    return [
        tally
        for tally in found.tallies
        if chosen.check in ("", tally.check) and chosen.segment in (None, tally.segment)
    ]


def _total(found: Judged, chosen: Selection) -> int:
    counts = by_status(_matching(found, chosen))
    return sum(counts.get(status, 0) for status in chosen.statuses)


def segment_list(found: Judged, to: Addresses) -> Markup | None:
    """Return the segments, those that need attention most first; None where there are none."""
    segments = segments_by_need(found.tallies)
    if not segments:
        return None
    rows = [
        (
            link(page_of(found, to, {"segment": name}), short(name), class_="name"),
            ", ".join(f"{counts[s]:,} {word(s)}" for s in ATTENTION if counts.get(s)) or "none",
            f"{sum(counts.values()):,}",
        )
        for name, counts in segments[:_MOST_SEGMENTS]
    ]
    note = None
    if len(segments) > _MOST_SEGMENTS:
        note = (
            f"The {_MOST_SEGMENTS} of {len(segments):,} that need attention most; "
            "the field Segment above finds the others."
        )
    titles = ("Segment", "Asks for attention", "Measurements")
    return section("Segments", table("Segments", titles, rows), note=note)
