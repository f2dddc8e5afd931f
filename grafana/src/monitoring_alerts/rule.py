"""An alert rule as this project thinks of it, and as Grafana's provisioning reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Any, Literal

from grafana_foundation_sdk.builders import alerting, expr
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.alerting import RelativeTimeRange
from grafana_foundation_sdk.models.common import DataSourceRef

from monitoring_dashboards.targets import Target, lettered

EXPRESSION = DataSourceRef(type_val="__expr__", uid="__expr__")
# Grafana asks for a range even where a query uses none, as all of these do.
_RANGE = RelativeTimeRange(from_val=600, to=0)

Comparison = Literal[">=", ">", "<"]


@dataclass(frozen=True, slots=True)
class Panel:
    """The panel that shows what a rule speaks of: messages carry a link to it.

    Attributes:
        dashboard: Uid of the dashboard.
        title: The panel's title; None for the dashboard as a whole.
    """

    dashboard: str
    title: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One alert rule: numbers of the same labels, and a comparison of the first two.

    Texts are written with ``{name}`` for a label or a number. A number is shown as a whole one,
    with ``{name:percent}`` as a share, with ``{name:time}`` as the instant whose epoch it is.

    Attributes:
        name: The alert's name.
        severity: ``critical`` wakes somebody, ``warning`` waits for the morning.
        component: Which part is in trouble; routes and dashboards group by it.
        labels: Names of the labels that the queries give.
        numbers: A query by the name of the number that it gives, at least ``value`` and then
            ``threshold``. Each gives one row per alert: the labels as text, the number as
            ``value``, never NULL (Grafana takes NaN for an alert).
        comparison: The rule fires where ``value comparison threshold``.
        summary: One line that says what is wrong with what.
        description: The value against the threshold, since when, what it means.
        panel: Where to look.
        links: Further links by the name of their annotation.
        pending: How long the condition must hold. Windows are counted by the query instead.
        on_error: What a query that fails makes of the alert. ``KeepLast`` by default: without the
            database nothing has got better or worse, and one alert tells of it, not all.
        on_no_data: What no row at all makes of it. ``OK`` by default: no row, no monitor.
    """

    name: str
    severity: Literal["critical", "warning"]
    component: str
    labels: tuple[str, ...]
    numbers: Mapping[str, Target]
    comparison: Comparison
    summary: str
    description: str
    panel: Panel
    links: Mapping[str, str] = field(default_factory=dict)
    pending: str = "0s"
    on_error: Literal["KeepLast", "Alerting"] = "KeepLast"
    on_no_data: Literal["OK", "NoData", "Alerting"] = "OK"

    @property
    def uid(self) -> str:
        """The uid that Grafana knows the rule by; renaming a rule makes another."""
        return "".join(f"-{c.lower()}" if c.isupper() else c for c in self.name).lstrip("-")

    def provisioned(self, panel_id: int | None) -> dict[str, Any]:
        """Return the rule as a provisioning file holds it.

        Args:
            panel_id: The id of the panel; None where the dashboard as a whole is meant.
        """
        condition = ascii_uppercase[len(self.numbers)]
        built: dict[str, Any] = (
            alerting.Rule(self.name)
            .uid(self.uid)
            .condition(condition)
            .queries([*self._queries(), self._condition(condition)])
            .for_val(self.pending)
            .no_data_state(self.on_no_data)
            .exec_err_state(self.on_error)
            .annotations(self._annotations(panel_id))
            .labels({"severity": self.severity, "component": self.component})
            .build()
            .to_json()
        )
        # In a file the group says these; the panel's two names are the file's own.
        for key in ("folderUID", "orgID", "ruleGroup"):
            del built[key]
        built["dashboardUid"] = self.panel.dashboard
        if panel_id is not None:
            built["panelId"] = panel_id
        return built

    def _queries(self) -> Iterator[Builder[Any]]:
        targets = lettered(list(self.numbers.values()))
        for letter, built, target in zip(
            ascii_uppercase, targets, self.numbers.values(), strict=False
        ):
            yield (
                alerting.Query(letter)
                .datasource_uid(target.datasource.uid or "")
                .relative_time_range(_RANGE)
                .model(built)
            )

    def _condition(self, letter: str) -> Builder[Any]:
        math = (
            expr.TypeMath()
            .ref_id(letter)
            .expression(f"$A {self.comparison} $B")
            .datasource(EXPRESSION)
        )
        return (
            alerting.Query(letter)
            .datasource_uid("__expr__")
            .relative_time_range(_RANGE)
            .model(math)
        )

    def _annotations(self, panel_id: int | None) -> dict[str, str]:
        texts = {"summary": self.summary, "description": self.description, **self.links}
        words = self._words()
        dashboard = {"__dashboardUid__": self.panel.dashboard}
        if panel_id is not None:
            dashboard["__panelId__"] = str(panel_id)
        return {name: text.format(**words) for name, text in texts.items()} | dashboard

    def _words(self) -> dict[str, object]:
        """Return what texts may name, as Grafana's templates write it.

        ``.Labels`` and not ``$labels``: what stands behind a dollar in a provisioning file may be
        taken for a variable of the environment, in some versions of Grafana and in some fields.
        """
        numbers = zip(ascii_uppercase, self.numbers, strict=False)
        return {
            **{name: _Label(name) for name in self.labels},
            **{name: _Number(letter) for letter, name in numbers},
            "grafana": "{{ externalURL }}",
        }


@dataclass(frozen=True, slots=True)
class _Label:
    name: str

    def __format__(self, form: str) -> str:
        label = f".Labels.{self.name}"
        shown = {
            "": f"{{{{ {label} }}}}",
            "url": f"{{{{ {label} | urlquery }}}}",
            # Nothing where no model is registered.
            "model": f"{{{{ if {label} }}}} (model {{{{ {label} }}}}, "
            "version {{ .Labels.model_version }}){{ end }}",
        }
        return shown[form]


@dataclass(frozen=True, slots=True)
class _Number:
    letter: str

    def __format__(self, form: str) -> str:
        shown = {
            "": 'printf "%.0f"',
            "percent": "humanizePercentage",
            "time": "humanizeTimestamp",
        }[form]
        return f"{{{{ {shown} .Values.{self.letter}.Value }}}}"
