"""Regular expressions as Grafana reads them."""

from __future__ import annotations

import re

_SLASHED = re.compile(r"/(?P<regex>.*)/(?P<flags>[gimsuy]*)", re.DOTALL)


def js_regex(pattern: str) -> re.Pattern[str]:
    """Return a pattern: between slashes it may match anywhere, without them it must match all."""
    slashed = _SLASHED.fullmatch(pattern)
    text = slashed["regex"] if slashed else f"^{pattern}$"
    return re.compile(
        re.sub(r"\(\?<(\w+)>", r"(?P<\1>", text),
        re.IGNORECASE if slashed and "i" in slashed["flags"] else 0,
    )
