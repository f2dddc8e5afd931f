"""Links of panels, columns and dashboards: what they refer to must be there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.grafana.execution import PanelResult
from tests.grafana.formats import text_default
from tests.grafana.frames import Frame
from tests.grafana.interpolation import builtins, interpolate
from tests.grafana.loading import Dashboard
from tests.grafana.looks import Look, looks_of

_COLUMN = re.compile(r"\$\{__data\.fields(?:\.(\w+)|\[\"?([^\]\"]+)\"?\])(?:\.\w+)?(?::\w+)?\}")
_LABEL = re.compile(r"\$\{__field\.labels(?:\.(\w+)|\[\"?([^\]\"]+)\"?\])(?::\w+)?\}")
_DASHBOARD = re.compile(r"/?d/([\w-]+)(?:/[\w-]*)?")


def lacking_links(result: PanelResult, dashboards: Mapping[str, Dashboard]) -> Iterator[str]:
    """Return what the links of a panel refer to that is not there.

    Args:
        result: What the panel shows.
        dashboards: All of them by uid.
    """
    scope = {**builtins(result.span, 60, 60), **result.scope}
    for name in ("title", "description"):
        try:
            text = str(result.panel.model.get(name) or "")
            interpolate(text, scope, text_default, later=True)
        except ValueError as exc:
            yield f"its {name}: {exc}"
    for link, looks in _links(result):
        url = str(link.get("url") or "")
        try:
            target = interpolate(url, scope, text_default, later=True)
            interpolate(str(link.get("title") or ""), scope, text_default, later=True)
        except ValueError as exc:
            yield f"its link {link.get('title')!r}: {exc}"
            continue
        problems = [
            *_lacking_fields(url, looks, result.frames),
            *lacking_target(target, dashboards),
        ]
        yield from (f"its link {link.get('title')!r}: {problem}" for problem in problems)


def lacking_target(url: str, dashboards: Mapping[str, Dashboard]) -> Iterator[str]:
    """Return what a link to another dashboard names that is not there."""
    parts = urlsplit(url)
    found = _DASHBOARD.fullmatch(parts.path) if not parts.netloc else None
    if not found:
        return
    if found[1] not in dashboards:
        yield f"there is no dashboard {found[1]}"
        return
    known = {str(variable["name"]) for variable in dashboards[found[1]].variables}
    for key, _ in parse_qsl(parts.query, keep_blank_values=True):
        name = key.removeprefix("var-")
        if key.startswith("var-") and name not in known:
            yield f"dashboard {found[1]} has no variable {name}"


def _links(result: PanelResult) -> Iterator[tuple[Mapping[str, Any], Sequence[Look]]]:
    """Yield each link with the fields whose values carry it."""
    looks = looks_of(result.panel, result.frames)
    for link in result.panel.model.get("links") or []:
        yield link, looks
    for look in looks:
        for link in look.config.get("links") or []:
            yield link, [look]


def _lacking_fields(url: str, looks: Sequence[Look], frames: Sequence[Frame]) -> Iterator[str]:
    for found in _COLUMN.finditer(url):
        name = found[1] or found[2]
        for frame in {id(look.frame): look.frame for look in looks}.values():
            names = {field.name for field in frame.fields}
            if name not in names and not name.isdigit():
                yield f"its result has no column {name!r}"
    for found in _LABEL.finditer(url):
        name = found[1] or found[2]
        carriers = [look for look in looks if look.field.labels]
        if not any(name in look.field.labels for look in carriers or looks):
            yield f"no series has the label {name!r}"
