"""What each kind of panel needs of its results, so that a person sees something and it is right."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from tests.grafana.execution import PanelResult, transformed
from tests.grafana.frames import Field, Frame, Kind, known
from tests.grafana.links import lacking_links
from tests.grafana.loading import PROMETHEUS, Dashboard, Query
from tests.grafana.looks import UnknownMatcher, looks_of, matches
from tests.grafana.patterns import js_regex
from tests.grafana.problems import Problem
from tests.grafana.prometheus_source import legend_labels
from tests.grafana.transformations import UnknownTransformation

_NOTHING_ASKED = ("row", "text", "dashlist")
_MOST_TILES = 40
# A monitor file need not limit everything.
_LIMIT = re.compile(r"/?\^?threshold")


def lacks(result: PanelResult, dashboards: Mapping[str, Dashboard]) -> list[Problem]:
    """Return what is wrong with what a panel shows; nothing, where all is well.

    Args:
        result: What its queries returned.
        dashboards: All of them by uid, for the links between them.
    """
    panel = result.panel
    if panel.kind in _NOTHING_ASKED:
        return [*result.problems, *_problems(result, lacking_links(result, dashboards))]
    if not panel.queries:
        return _problems(result, ["it has no query"])
    if result.problems:
        return list(result.problems)
    empty = [_empty(result, query) for query in panel.queries]
    if any(empty):
        return [problem for problem in empty if problem]
    try:
        result = transformed(result)
    except UnknownTransformation as exc:
        return _problems(result, [str(exc)])
    reasons = [
        *_KINDS.get(panel.kind, _unknown)(result),
        *_lacking_fields(result),
        *_lacking_legends(result),
        *lacking_links(result, dashboards),
        *_unmapped(result),
    ]
    return _problems(result, reasons)


def _problems(result: PanelResult, reasons: Iterable[str]) -> list[Problem]:
    panel = result.panel
    where = " ".join([f"panel {panel.title!r}", *map(repr, panel.chosen.values())])
    query = "\n".join(query.text for query in panel.queries)
    return [Problem(where, reason, query) for reason in dict.fromkeys(reasons)]


def _empty(result: PanelResult, query: Query) -> Problem | None:
    frames = [frame for frame in result.frames if frame.ref_id == query.ref_id]
    where = f"panel {result.panel.title!r} query {query.ref_id}"
    if not any(frame.rows for frame in frames):
        return Problem(where, "empty: no rows", query.text)
    values = (
        value
        for frame in frames
        for field in frame.of(Kind.NUMBER, Kind.STRING, Kind.BOOLEAN)
        for value in field.values
    )
    if not any(known(value) for value in values):
        return Problem(where, "empty: no values in its rows", query.text)
    return None


def _over_time(result: PanelResult) -> Iterator[str]:
    for frame in result.frames:
        if frame.time is None:
            yield f"query {frame.ref_id} has no times"
        if not frame.of(Kind.NUMBER):
            yield f"query {frame.ref_id} has no numbers"


def _states(result: PanelResult) -> Iterator[str]:
    for frame in result.frames:
        if frame.time is None:
            yield f"query {frame.ref_id} has no times"
        if not [field for field in frame.fields if field.kind is not Kind.TIME]:
            yield f"query {frame.ref_id} has no states"


def _figures(result: PanelResult) -> Iterator[str]:
    shown = figures(result)
    if not shown:
        yield "it has no value to show"
    if len(shown) > _MOST_TILES:
        yield f"it shows {len(shown)} figures"


def figures(result: PanelResult) -> list[tuple[Field, Any]]:
    """Return the values that a stat, a gauge or a pie shows."""
    options = result.panel.options.get("reduceOptions") or {}
    wanted = str(options.get("fields") or "")
    looks = looks_of(result.panel, result.frames)
    if not wanted:
        chosen = [look for look in looks if look.field.kind is Kind.NUMBER]
    elif wanted.startswith("/"):
        pattern = js_regex(wanted)
        chosen = [look for look in looks if pattern.search(look.name)]
    else:
        chosen = [look for look in looks if wanted in (look.name, look.field.name)]
    if options.get("values"):
        return [(look.field, value) for look in chosen for value in look.field.values]
    last = ((look.field, _last(look.field)) for look in chosen)
    return [(field, value) for field, value in last if value is not None]


def _last(field: Field) -> Any:
    values = [value for value in field.values if known(value)]
    return values[-1] if values else None


def _table(result: PanelResult) -> Iterator[str]:
    names = {name for look in looks_of(result.panel, result.frames) for name in _names(look)}
    for sort in result.panel.options.get("sortBy") or []:
        if sort.get("displayName") not in names:
            yield f"it is sorted by {sort.get('displayName')!r}, which is no column"
    if len(result.frames) > 1:
        yield f"it shows one of {len(result.frames)} results only"


def _names(look: Any) -> tuple[str, str]:
    return look.name, look.field.name


def _bars(result: PanelResult) -> Iterator[str]:
    if len(result.frames) != 1:
        yield f"a bar chart wants one result, it has {len(result.frames)}"
        return
    frame = result.frames[0]
    if not frame.of(Kind.STRING, Kind.TIME):
        yield "no column names the bars"
    if not frame.of(Kind.NUMBER):
        yield "it has no numbers"
    axis = result.panel.options.get("xField")
    if axis and axis not in [field.name for field in frame.fields]:
        yield f"its axis is {axis!r}, which is no column"


def _unknown(result: PanelResult) -> Iterator[str]:
    yield f"the harness knows no panels of type {result.panel.kind}"


_KINDS: Mapping[str, Callable[[PanelResult], Iterator[str]]] = {
    "timeseries": _over_time,
    "status-history": _states,
    "state-timeline": _states,
    "stat": _figures,
    "gauge": _figures,
    "bargauge": _figures,
    "piechart": _figures,
    "table": _table,
    "barchart": _bars,
}


def _lacking_fields(result: PanelResult) -> Iterator[str]:
    """Tell of overrides that meet nothing: a column was renamed, or a name mistyped."""
    frames = result.frames
    fields = [(field, frame) for frame in frames for field in frame.fields]
    met: dict[bool, list[Mapping[str, Any]]] = {True: [], False: []}
    for override in result.panel.overrides:
        try:
            found = any(matches(override["matcher"], *each, frames) for each in fields)
        except UnknownMatcher as exc:
            yield str(exc)
        else:
            met[found].append(override)
    for override in met[False]:
        matcher = override["matcher"]
        # The color of a state in which nothing happens to be, beside those of others.
        palette = {one["id"] for one in override["properties"]} <= {"color", "displayName"}
        if not (palette and met[True]) and not _LIMIT.match(str(matcher.get("options"))):
            have = ", ".join(sorted({look.name for look in looks_of(result.panel, frames)}))
            yield f"no field is {matcher['id']} {matcher.get('options')!r}; it has {have}"


def _lacking_legends(result: PanelResult) -> Iterator[str]:
    """Tell of ``{{label}}`` that no series has."""
    for query in result.panel.queries:
        if query.datasource != PROMETHEUS or query.model.get("format") == "table":
            continue
        labels = _labels(frame for frame in result.frames if frame.ref_id == query.ref_id)
        for part in legend_labels(str(query.model.get("legendFormat") or "")):
            name = part.strip("{} ")
            if name not in labels and name != "__name__":
                have = ", ".join(sorted(labels)) or "none"
                yield f"query {query.ref_id}: its legend says {part}; labels: {have}"


def _labels(frames: Iterator[Frame]) -> set[str]:
    return {name for frame in frames for field in frame.fields for name in field.labels}


def _unmapped(result: PanelResult) -> Iterator[str]:
    """Tell of words without a color where the others have one."""
    for look in looks_of(result.panel, result.frames):
        mappings = [one for one in look.config.get("mappings") or [] if one["type"] == "value"]
        mapped = {key for one in mappings for key in one["options"]}
        if look.field.kind is not Kind.STRING or len(mapped) < 2 or look.hidden:
            continue
        if strange := {value for value in look.field.values if value} - mapped:
            yield f"{look.name}: no mapping for {', '.join(sorted(strange))}"
