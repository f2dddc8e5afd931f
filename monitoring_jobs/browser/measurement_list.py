"""The measurements of an evaluation as a list that can be narrowed and paged."""

from __future__ import annotations

from collections.abc import Mapping

from monitoring_jobs.browser.addresses import Address, Addresses, link
from monitoring_jobs.browser.elements import Markup, element, together
from monitoring_jobs.browser.figures import from_to, short, status_badge, word
from monitoring_jobs.browser.measurements import by_status, measurement_table, segments_by_need
from monitoring_jobs.browser.parts import chips, empty, pager, section, table
from monitoring_jobs.browser.values import ATTENTION, ORDER, Judged, Selection

PAGE = 100
_MOST_SEGMENTS = 50


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
        _statuses(found, given, to),
        _search(found, chosen, given, to),
        _measurements(found, chosen, given, to),
    )


def page_of(found: Judged, to: Addresses, query: Mapping[str, str]) -> Address:
    """Return the page of an evaluation or a draft, asked for something."""
    own = found.evaluation
    return to.evaluation(own.monitor, own.window, query, is_draft=found.is_draft)


def _statuses(found: Judged, given: Mapping[str, str], to: Addresses) -> Markup:
    counts = by_status(found.tallies)
    chosen = given.get("status", "")
    bad = sum(counts.get(status, 0) for status in ATTENTION)

    def entry(
        text: Markup | str, number: int, value: str
    ) -> tuple[Markup | str, int, Address, bool]:
        query = {**given, "status": value}
        return text, number, page_of(found, to, query), chosen == value

    entries = [entry("all", sum(counts.values()), "")]
    if bad:
        entries.append(entry("asks for attention", bad, "attention"))
    entries += [
        entry(status_badge(status), counts[status], str(status))
        for status in ORDER
        if counts.get(status)
    ]
    return chips(entries, title="Measurements by status")


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
        for key in ("status", "segment")
        if key in given
    ]
    here = page_of(found, to, {})
    return element(
        "form",
        kept,
        element("label", element("span", "Check"), element("select", options, name="check")),
        element(
            "label",
            element("span", "Column"),
            element(
                "input", type="search", name="column", value=chosen.column, placeholder="contains"
            ),
        ),
        element(
            "div",
            element("button", "Filter", type="submit"),
            link(here, "Clear", class_="quiet") if given else None,
            class_="buttons",
        ),
        _segment_note(chosen, found, given, to),
        method="get",
        action=here.href,
        class_="filters",
        role="search",
    )


def _segment_note(
    chosen: Selection, found: Judged, given: Mapping[str, str], to: Addresses
) -> Markup | None:
    if chosen.segment is None:
        return None
    name = short(chosen.segment) if chosen.segment else "whole window"
    rest = {key: value for key, value in given.items() if key != "segment"}
    return element(
        "p", "Segment: ", element("strong", name), " ", link(page_of(found, to, rest), "show all")
    )


def _measurements(
    found: Judged, chosen: Selection, given: Mapping[str, str], to: Addresses
) -> Markup:
    if not found.tallies:
        return empty("This evaluation measured nothing: the monitor file turns every check off.")
    if not found.shown:
        return empty("No measurement matches. ", link(page_of(found, to, {}), "Show all"))
    page = chosen.offset // chosen.limit + 1
    first = chosen.offset + 1
    last = chosen.offset + len(found.shown)
    told = f"{from_to(first, last)} of {_matching(found, chosen):,}"
    if chosen.column:
        told = from_to(first, last)
    has_more = len(found.shown) == chosen.limit and (
        bool(chosen.column) or last < _matching(found, chosen)
    )
    back, on = (page_of(found, to, {**given, "page": str(page + step)}) for step in (-1, 1))
    return together(
        measurement_table("Measurements, what asks for attention first", found.shown),
        pager(back=back if page > 1 else None, on=on if has_more else None, told=told),
    )


def _matching(found: Judged, chosen: Selection) -> int:
    return sum(
        tally.count
        for tally in found.tallies
        if tally.status in chosen.statuses
        and chosen.check in ("", tally.check)
        and chosen.segment in (None, tally.segment)
    )


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
        note = f"The {_MOST_SEGMENTS} of {len(segments):,} that need attention most."
    titles = ("Segment", "Asks for attention", "Measurements")
    return section("Segments", table("Segments", titles, rows), note=note)
