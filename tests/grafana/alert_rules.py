"""Runs what Grafana-managed alert rules ask, and checks what Grafana would make of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from tests.grafana.execution import Sources, run_query
from tests.grafana.frames import Frame, Kind
from tests.grafana.loading import POSTGRES, AlertRule, Query
from tests.grafana.problems import Problem, QueryFailed
from tests.grafana.time_range import TimeRange

_EXPRESSION = "__expr__"
_IN_MATH = re.compile(r"\$\{?(\w+)\}?")


def rule_problems(rule: AlertRule, sources: Sources) -> list[Problem]:
    """Run the queries of a rule and follow its expressions; return what is wrong."""
    problems = [Problem(f"rule {rule.title!r}", reason) for reason in _lacking_steps(rule)]
    for step in rule.steps:
        if step["datasourceUid"] != _EXPRESSION:
            problems += _query_problems(rule, step, sources)
    return problems


def _query_problems(rule: AlertRule, step: Mapping[str, Any], sources: Sources) -> list[Problem]:
    query = Query(str(step["refId"]), str(step["datasourceUid"]), step["model"])
    where = f"rule {rule.title!r} query {query.ref_id}"
    given = step.get("relativeTimeRange") or {"from": 600, "to": 0}
    span = TimeRange(
        sources.now - timedelta(seconds=given["from"]), sources.now - timedelta(seconds=given["to"])
    )
    try:
        # An alert has no variables: what looks like one is an error.
        frames = run_query(query, {}, {}, sources, span)
    except (QueryFailed, ValueError) as exc:
        return [Problem(where, f"{type(exc).__name__}: {exc}", query.text)]
    reasons = _lacking_columns(frames) if query.datasource == POSTGRES else []
    if not any(frame.rows for frame in frames):
        reasons = ["empty: no rows"]
    return [Problem(where, reason, query.text) for reason in reasons]


def _lacking_columns(frames: Sequence[Frame]) -> Iterator[str]:
    """Tell what keeps Grafana from making one number for each set of labels."""
    for frame in frames:
        if not frame.of(Kind.NUMBER):
            yield "it has no column of numbers"
        if odd := frame.of(Kind.BOOLEAN):
            yield f"alerts cannot read truth values: {', '.join(field.name for field in odd)}"
        if frame.time is None:
            if len(frame.of(Kind.NUMBER)) > 1:
                yield "a table for alerts has one column of numbers, and text for labels"
            labels = list(zip(*(field.values for field in frame.of(Kind.STRING)), strict=True))
            if len(set(labels)) != len(labels):
                yield "two rows have the same labels"


def _lacking_steps(rule: AlertRule) -> Iterator[str]:
    known = [str(step["refId"]) for step in rule.steps]
    if len(set(known)) != len(known):
        yield f"two steps have one letter: {', '.join(known)}"
    if rule.model.get("condition") not in known:
        yield f"its condition is {rule.model.get('condition')!r}; its steps are {', '.join(known)}"
    for step in rule.steps:
        if step["datasourceUid"] == _EXPRESSION:
            for name in _inputs(step["model"]):
                if name not in known or name == step["refId"]:
                    yield f"expression {step['refId']} reads {name!r}, which is no other step"


def _inputs(model: Mapping[str, Any]) -> list[str]:
    """Return the letters that an expression reads."""
    if model["type"] == "classic_conditions":
        return [name for one in model["conditions"] for name in one["query"]["params"]]
    if model["type"] == "math":
        return _IN_MATH.findall(str(model["expression"]))
    return [str(model.get("expression", ""))]
