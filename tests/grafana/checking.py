"""Opens a dashboard as several people would, and tells what none of them sees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tests.grafana.execution import Opened, Sources, open_dashboard
from tests.grafana.loading import Dashboard
from tests.grafana.needs import lacks
from tests.grafana.problems import Problem

_PERSONS = 6


def dashboard_problems(
    dashboard: Dashboard, sources: Sources, dashboards: Mapping[str, Dashboard]
) -> list[Problem]:
    """Return what is wrong with a dashboard.

    It is opened as it comes, and once for each monitor (or model) that can be chosen. No query may
    err for anybody; but what one monitor lacks, such as numbers to spread, another may have.

    Args:
        dashboard: The file.
        sources: The datasources.
        dashboards: All of them by uid, for links.
    """
    first = open_dashboard(dashboard, sources)
    problems = [*first.problems, *_errors(first)]
    lacking = {str(problem): problem for problem in _lacks(first, dashboards)}
    for picks in _picks(first):
        opened = open_dashboard(dashboard, sources, picks=picks)
        problems += _errors(opened)
        now = {str(problem) for problem in _lacks(opened, dashboards)}
        lacking = {text: problem for text, problem in lacking.items() if text in now}
    return list({str(one): one for one in [*problems, *lacking.values()]}.values())


def _errors(opened: Opened) -> list[Problem]:
    return [problem for result in opened.panels for problem in result.problems]


def _lacks(opened: Opened, dashboards: Mapping[str, Dashboard]) -> Iterator[Problem]:
    for result in opened.panels:
        if not result.problems:
            yield from lacks(result, dashboards)


def _picks(opened: Opened) -> Iterator[dict[str, str]]:
    """Yield each choice of the first variable that anybody sees."""
    for name, variable in opened.variables.items():
        if name.endswith("_url"):
            continue
        yield from ({name: option.value} for option in variable.options[:_PERSONS])
        return
