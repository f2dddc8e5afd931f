"""The last windows of a monitor as a row of bars; height tells what color tells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from monitoring_jobs.browser.elements import Markup, element
from monitoring_jobs.browser.figures import window_text, word
from monitoring_jobs.browser.values import ORDER, Mark
from monitoring_jobs.results import Status

LENGTH = 30

_HEIGHT = 20
_BAR, _STEP = 5, 7
_TALL = {
    Status.OK: 6,
    Status.WARNING: 13,
    Status.FAILED: 20,
    Status.ERROR: 20,
    Status.INSUFFICIENT_DATA: 3,
    Status.SKIPPED: 2,
}


def trend(marks: Sequence[Mark]) -> Markup:
    """Return an SVG of windows, oldest first, the newest at the right edge."""
    if not marks:
        return element("span", "no windows", class_="muted")
    width = LENGTH * _STEP
    left = width - len(marks) * _STEP
    bars = [_bar(mark, left + place * _STEP) for place, mark in enumerate(marks)]
    # Where there is no window yet: without it, a few bars at the right edge look misplaced.
    ground = element("line", x1=0, x2=max(left - 2, 0), y1=_HEIGHT - 1, y2=_HEIGHT - 1)
    return element(
        "svg",
        ground,
        bars,
        class_="trend",
        viewBox=f"0 0 {width} {_HEIGHT}",
        width=width,
        height=_HEIGHT,
        role="img",
        aria_label=summary(marks),
    )


def summary(marks: Sequence[Mark]) -> str:
    """Return what the bars show, in words."""
    counts = Counter(mark.status for mark in marks)
    told = ", ".join(f"{counts[status]} {word(status)}" for status in ORDER if counts[status])
    return f"Last {len(marks)} windows: {told}; the newest {word(marks[-1].status)}"


def streak(marks: Sequence[Mark]) -> str:
    """Return for how many windows the newest status has lasted, ``30+`` where that is unknown."""
    if not marks:
        return ""
    number = 0
    for mark in reversed(marks):
        if mark.status is not marks[-1].status:
            break
        number += 1
    return f"{number}+" if number == len(marks) == LENGTH else str(number)


def _bar(mark: Mark, x: int) -> Markup:
    height = _TALL[mark.status]
    title = element("title", f"{window_text(mark.window)}: {word(mark.status)}")
    return element(
        "rect",
        title,
        class_=f"is-{mark.status}",
        x=x,
        y=_HEIGHT - height,
        width=_BAR,
        height=height,
    )
