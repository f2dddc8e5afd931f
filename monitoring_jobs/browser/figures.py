"""Numbers, times and statuses as people read them."""

from __future__ import annotations

from datetime import datetime, timedelta

from monitoring_jobs.browser.elements import Markup, element, together
from monitoring_jobs.results import DagRunRef, Status
from monitoring_jobs.windows import Window, as_utc, utc_text

_SYMBOLS = {
    Status.OK: "✓",
    Status.WARNING: "▲",
    Status.FAILED: "✕",
    Status.ERROR: "!",
    Status.INSUFFICIENT_DATA: "○",
    Status.SKIPPED: "\N{EN DASH}",
}
_UNITS = (("day", "days", 86400), ("h", "h", 3600), ("min", "min", 60), ("s", "s", 1))
_LARGE = 1e15  # whole numbers are told digit by digit below this


def figure(value: float | None) -> Markup | None:
    """Return a number with five significant digits; all of them show as its title."""
    if value is None:
        return None
    return element("span", figure_text(value), class_="figure", title=repr(value))


def figure_text(value: float) -> str:
    """Return a number with five significant digits, or whole where it is a count."""
    if value == int(value) and abs(value) < _LARGE:
        return f"{int(value):,}"
    if 1e5 <= abs(value) < _LARGE:
        return f"{value:,.0f}"
    return f"{value:,.5g}"


def count(number: int, one: str, many: str) -> str:
    """Return ``1 window`` or ``2,000 windows``."""
    return f"{number:,} {one if number == 1 else many}"


def from_to(first: int, last: int) -> str:
    """Return which rows of a list are shown."""
    return f"{first:,}\N{EN DASH}{last:,}"


def length(window: Window) -> str:
    """Return how long a window is: ``1 day``, ``23 h``, ``1 h 30 min``."""
    left = round((window.end - window.start) / timedelta(seconds=1))
    parts = []
    for one, many, seconds in _UNITS:
        number, left = divmod(left, seconds)
        if number:
            parts.append(count(number, one, many))
    return " ".join(parts[:2]) or "less than 1 s"


def instant(when: datetime) -> Markup:
    """Return an instant to the minute, in UTC; page.js adds the reader's own time as its title."""
    text = utc_text(when)
    return element("time", f"{as_utc(when):%Y-%m-%d %H:%M}", datetime=text, title=text)


def window_text(window: Window) -> str:
    """Return a window as short as it can be told in UTC."""
    start, end = window.start, window.end
    if start.time() == end.time() == datetime.min.time():
        last = end - timedelta(days=1)
        days = f"{start:%Y-%m-%d}"
        return days if last == start else f"{days} \N{EN DASH} {last:%Y-%m-%d}"
    if start.second or end.second:
        return f"{start:%Y-%m-%d %H:%M:%S} \N{EN DASH} {end:%Y-%m-%d %H:%M:%S}"
    if start.date() == end.date():
        return f"{start:%Y-%m-%d %H:%M} \N{EN DASH} {end:%H:%M}"
    return f"{start:%Y-%m-%d %H:%M} \N{EN DASH} {end:%Y-%m-%d %H:%M}"


def status_badge(status: Status | None) -> Markup:
    """Return a status as a symbol and a word, so that its color adds nothing but ease."""
    if status is None:
        return badge("none", "○", "never judged")
    return badge(str(status), _SYMBOLS[status], word(status))


def badge(kind: str, symbol: str, text: str) -> Markup:
    """Return a symbol and a word in a colored pill; the kind is one of style.css."""
    mark = element("span", symbol, aria_hidden="true")
    return element("span", mark, " ", text, class_=f"badge is-{kind}")


def run_failed() -> Markup:
    """Return what stands beside the status of a monitor whose newest run failed."""
    return badge("error", "!", "run failed")


def word(status: Status) -> str:
    """Return a status as a person says it."""
    return str(status).replace("_", " ")


def short(text: str, longest: int = 80) -> Markup | str:
    """Return text that fits a cell; what is cut off shows as its title."""
    if len(text) <= longest:
        return text
    return element("span", f"{text[: longest - 1]}…", title=text[:1000])


def run_name(run: DagRunRef) -> Markup | str:
    """Return the name of a Dag run, cut where it is long."""
    return short(run.run_id, 60)


def megabytes(size: int) -> str:
    """Return a size in megabytes of a million bytes."""
    return f"{size / 1e6:,.0f} MB"


def seconds(duration: float) -> str:
    """Return a duration: ``0.42 s``, ``12 s``, ``3 min 5 s``."""
    if duration < 60:
        return f"{duration:.2g} s" if duration < 10 else f"{duration:.0f} s"
    minutes, rest = divmod(round(duration), 60)
    return f"{minutes:,} min {rest} s"


def facts(pairs: list[tuple[str, Markup | str | None]]) -> Markup:
    """Return terms and what they are; those without anything are left out."""
    return element(
        "dl",
        [
            element("div", element("dt", term), element("dd", text))
            for term, text in pairs
            if text not in (None, "")
        ],
        class_="facts",
    )


def lines(*parts: Markup | str | None) -> Markup:
    """Return parts with a space between those that are there."""
    there = [part for part in parts if part not in (None, "")]
    return together([[" ", part] if place else part for place, part in enumerate(there)])
