"""Resolves a dashboard's variables in the order in which they depend on each other."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.grafana.interpolation import Chosen, Scope, references
from tests.grafana.patterns import js_regex

ALL = "$__all"
_LABEL_VALUES = re.compile(r"label_values\((?:(?P<metric>.+),\s*)?(?P<label>\w+)\s*\)\s*")
_QUERY_RESULT = re.compile(r"query_result\((?P<expr>.+)\)\s*")


class BadVariable(ValueError):
    """A variable that Grafana could not fill."""


@dataclass(frozen=True)
class Option:
    """One line of a variable's menu."""

    text: str
    value: str


@dataclass(frozen=True)
class Resolved:
    """A variable with its options and what is chosen when the dashboard opens."""

    model: Mapping[str, Any]
    options: Sequence[Option]
    chosen: Chosen

    @property
    def values(self) -> Sequence[str]:
        """The values that are chosen, one by one: what panels are repeated by."""
        if self.chosen.literal:
            return [option.value for option in self.options]
        value = self.chosen.value
        return [value] if isinstance(value, str) else value


# Asks the datasource of a query variable, with what has been resolved before.
Ask = Callable[[Mapping[str, Any], Scope], Sequence[Option]]


def resolve(
    models: Sequence[Mapping[str, Any]],
    builtins: Scope,
    ask: Ask,
    picks: Mapping[str, str] | None = None,
) -> dict[str, Resolved]:
    """Resolve all variables.

    Args:
        models: The variables as the dashboard has them.
        builtins: Grafana's own.
        ask: Runs the query of a variable.
        picks: The values chosen, by name, instead of those that the dashboard opens with.

    Raises:
        BadVariable: One is circular, of an unknown kind or has nothing to choose from.
    """
    resolved: dict[str, Resolved] = {}
    for model in in_order(models):
        name = str(model["name"])
        scope = {**builtins, **{known: each.chosen for known, each in resolved.items()}}
        try:
            options = _options(model, scope, ask)
        except Exception as exc:
            raise BadVariable(f"variable {name}: {type(exc).__name__}: {exc}") from exc
        resolved[name] = Resolved(model, options, choose(model, options, (picks or {}).get(name)))
    return resolved


def in_order(models: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the variables so that each comes after those that it refers to."""
    waiting = {str(model["name"]): model for model in models}
    if len(waiting) != len(models):
        raise BadVariable("two variables have one name")
    ordered: list[Mapping[str, Any]] = []
    while waiting:
        names = waiting.keys()
        free = [name for name, model in waiting.items() if not (needs(model) - {name}) & names]
        if not free:
            raise BadVariable(f"these variables refer to each other: {', '.join(waiting)}")
        ordered.extend(waiting.pop(name) for name in free)
    return ordered


def needs(model: Mapping[str, Any]) -> set[str]:
    """Return the names that a variable refers to."""
    return references(json.dumps([model.get("query"), model.get("definition"), model.get("regex")]))


def choose(model: Mapping[str, Any], options: Sequence[Option], pick: str | None = None) -> Chosen:
    """Return what is chosen when the dashboard opens: what was saved if there, else All or one.

    Args:
        model: The variable.
        options: Its menu.
        pick: What somebody has chosen, if anybody has.
    """
    several = bool(model.get("multi") or model.get("includeAll"))
    if not options:
        return Chosen((), several=several) if model.get("multi") else Chosen("", several=several)
    saved = (model.get("current") or {}).get("value") if pick is None else pick
    wanted = [saved] if isinstance(saved, str) else list(saved or [])
    known = {option.value: option.text for option in options}
    kept = [value for value in wanted if value in known]
    if ALL in wanted or (not kept and model.get("includeAll")):
        return _all(model, options, several=several)
    kept = kept or [options[0].value]
    text = " + ".join(known[value] for value in kept)
    if model.get("multi"):
        return Chosen(tuple(kept), several=several, text=text)
    return Chosen(kept[0], several=several, text=text)


def _all(model: Mapping[str, Any], options: Sequence[Option], *, several: bool) -> Chosen:
    if custom := model.get("allValue"):
        return Chosen(str(custom), several=several, literal=True, text="All")
    return Chosen(tuple(option.value for option in options), several=several, text="All")


def _options(model: Mapping[str, Any], scope: Scope, ask: Ask) -> Sequence[Option]:
    kind = str(model["type"])
    query = model.get("query")
    if kind == "query":
        return filtered(ask(model, scope), str(model.get("regex") or ""))
    if kind == "custom":
        return custom_options(str(query))
    if kind in ("constant", "textbox"):
        return [Option(str(query or ""), str(query or ""))]
    if kind == "interval":
        return [Option(one.strip(), one.strip()) for one in str(query).split(",")]
    if kind == "datasource":
        return [Option(str(query), str((model.get("current") or {}).get("value") or query))]
    raise BadVariable(f"the harness knows no variables of type {kind}")


def custom_options(query: str) -> list[Option]:
    r"""Read ``a,b`` and ``Text : value``; ``\,`` is a comma within a value."""
    parts = re.split(r"(?<!\\),", query)
    options = []
    for part in parts:
        bare = part.replace("\\,", ",").strip()
        text, colon, value = bare.partition(" : ")
        options.append(Option(text.strip(), value.strip() if colon else bare))
    return options


def filtered(options: Sequence[Option], pattern: str) -> list[Option]:
    """Keep the options that match; groups called text and value, or the first, become them."""
    kept: dict[str, Option] = {}
    expression = js_regex(pattern) if pattern else None
    for option in options:
        found = expression.search(option.text) if expression else None
        if expression and not found:
            continue
        made = _matched(found, option) if found else option
        kept.setdefault(made.value, made)
    return list(kept.values())


def _matched(found: re.Match[str], option: Option) -> Option:
    named = found.groupdict()
    if "text" in named or "value" in named:
        value = named.get("value") or named.get("text") or ""
        return Option(named.get("text") or value, value)
    return Option(found[1], found[1]) if found.groups() else option


@dataclass(frozen=True)
class PrometheusLookup:
    """What a variable asks Prometheus: ``label_values(metric, label)`` or ``query_result(...)``."""

    label: str = ""
    metric: str = ""
    expr: str = ""


def prometheus_lookup(query: str) -> PrometheusLookup:
    """Read the query of a Prometheus variable."""
    if found := _LABEL_VALUES.fullmatch(query):
        return PrometheusLookup(label=found["label"], metric=found["metric"] or "")
    if found := _QUERY_RESULT.fullmatch(query):
        return PrometheusLookup(expr=found["expr"])
    raise BadVariable(f"the harness cannot ask Prometheus for {query!r}")
