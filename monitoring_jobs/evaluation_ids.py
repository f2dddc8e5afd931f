"""Names of windows and evaluations that fit into a path, an address or an asset's extra."""

from __future__ import annotations

import re
from datetime import datetime

from monitoring_jobs.errors import EmptyWindow
from monitoring_jobs.windows import Window, utc_text

MONITOR_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,99}")

_STAMP = r"[0-9]{8}T[0-9]{6}(?:\.[0-9]{6})?Z"
_WINDOW = re.compile(rf"({_STAMP})--({_STAMP})")
_EVALUATION = re.compile(rf"({MONITOR_NAME.pattern})--({_STAMP}--{_STAMP})")


def evaluation_id(monitor: str, window: Window) -> str:
    """Return ``wine_quality--20261120T000000Z--20261121T000000Z``.

    The id is the natural key: a rerun of the window has the same.
    """
    return f"{monitor}--{window_id(window)}"


def parse_evaluation_id(text: str) -> tuple[str, Window]:
    """Return the monitor and the window that an id names, whether they exist or not.

    Raises:
        ValueError: It is no id. The message quotes nothing of it.
    """
    match = _EVALUATION.fullmatch(text)
    if match is None:
        raise ValueError("that is no id of an evaluation")
    return match[1], parse_window_id(match[2])


def window_id(window: Window) -> str:
    """Return ``20261120T000000Z--20261121T000000Z``."""
    return "--".join(_stamp(end) for end in (window.start, window.end))


def parse_window_id(text: str) -> Window:
    """Return the window of ``window_id``.

    Raises:
        ValueError: It is none. The message quotes nothing of it.
    """
    window = _window(text)
    if window is None or window_id(window) != text:  # one way to write it, so that ids are unique
        raise ValueError("that is no id of a window")
    return window


def _window(text: str) -> Window | None:
    match = _WINDOW.fullmatch(text)
    try:
        return match and Window(*map(datetime.fromisoformat, match.groups()))
    except (ValueError, EmptyWindow):
        return None


def _stamp(instant: datetime) -> str:
    return utc_text(instant).replace("-", "").replace(":", "")
