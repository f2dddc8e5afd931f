"""The docs are true: commands and settings are documented, examples load, links lead somewhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import typer.main
import yaml
from typer.testing import CliRunner

from monitoring_jobs.cli import app
from monitoring_jobs.commands.configuration import DAGS
from monitoring_jobs.drift_methods import METHODS, Method
from monitoring_jobs.results import Status
from monitoring_jobs.settings import CONNECTION_PREFIX, Settings, environment_names
from monitoring_jobs.spec import MonitorSpec, PerformanceCheck, QualityLimits, json_schema

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def monitor_files(page: str) -> list[str]:
    blocks = re.findall(r"^```yaml\n(.*?)^```", text_of(page), flags=re.MULTILINE | re.DOTALL)
    return [block for block in blocks if "\nname:" in f"\n{block}"]


def identifier(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_is_documented_with_its_options(command: str) -> None:
    page = text_of("docs/commands.md")
    assert f"`monitoring-jobs {command}" in page
    for parameter in COMMANDS[command].params:
        for option in parameter.opts:
            if option.startswith("--") and option != "--help":
                assert option in page, f"{command} {option}"


@pytest.mark.parametrize("page", PAGES, ids=identifier)
def test_every_documented_command_exists(page: Path) -> None:
    used = re.findall(r"monitoring-jobs ([a-z]+)", page.read_text(encoding="utf-8"))
    assert set(used) <= set(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=identifier)
def test_every_documented_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", text_of("Makefile"), flags=re.MULTILINE))
    used = re.findall(
        r"(?:^|`)make ([a-z-]+)", page.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    assert set(used) <= targets


@pytest.mark.parametrize("page", PAGES, ids=identifier)
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", ["README.md", "docs/monitor-file.md"])
def test_every_monitor_file_in_the_docs_loads(page: str) -> None:
    blocks = monitor_files(page)
    assert blocks
    for block in blocks:
        MonitorSpec.model_validate(yaml.safe_load(block))


def test_the_first_models_files_can_be_used_as_they_stand() -> None:
    page = text_of("docs/first-model.md")
    (program,) = re.findall(r"^```python\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    compile(program, "train.py", "exec")
    (monitor,) = re.findall(r"<<END\n(.*?)^END", page, flags=re.MULTILINE | re.DOTALL)
    MonitorSpec.model_validate(yaml.safe_load(monitor.replace("$PWD", "/home/me/churn")))


def test_the_readmes_monitor_file_is_the_smallest() -> None:
    (smallest,) = monitor_files("README.md")
    assert set(yaml.safe_load(smallest)) == set(json_schema()["required"])


def test_the_committed_schema_is_the_commands() -> None:
    committed = json.loads(text_of("docs/monitor.schema.json"))
    assert committed == json_schema(), "run: monitoring-jobs schema > docs/monitor.schema.json"


def test_the_runbook_has_a_section_for_every_alert_that_says_when_and_what_to_do() -> None:
    rules = [path.read_text(encoding="utf-8") for path in ROOT.glob("docker/prometheus/rules/*")]
    grafana = text_of("grafana/provisioning/alerting/rules.yaml")
    names = set(re.findall(r"- alert: (\w+)", "".join(rules)))
    names |= set(re.findall(r"^ +title: (\w+)", grafana, flags=re.MULTILINE))
    sections = text_of("docs/alerts.md").split("\n### ")[1:]
    told = {re.match(r"`(\w+)`", section).group(1): section for section in sections}  # type: ignore[union-attr]
    assert set(told) == names
    assert [name for name, text in told.items() if "**When**" not in text] == []
    assert [name for name, text in told.items() if "**Do**" not in text] == []


def test_the_page_of_metrics_is_what_the_command_prints() -> None:
    printed = CliRunner().invoke(app, ["metrics"]).output
    assert text_of("docs/metrics.md") == printed, "run: monitoring-jobs metrics > docs/metrics.md"


def test_the_tables_of_settings_are_what_the_command_prints() -> None:
    printed = CliRunner().invoke(app, ["settings"]).output
    page = text_of("docs/operations/configuration.md")
    _, _, tables = page.partition("<!-- monitoring-jobs settings -->\n")
    assert tables.partition("<!-- end -->")[0] == printed, "put there: monitoring-jobs settings"


def test_every_variable_that_dags_read_is_in_the_tables_with_its_default() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("dags/*.py"))
    read = set(re.findall(r'"(MONITORING_[A-Z_]+)"', code))
    settings = {name for setting in Settings.model_fields for name in environment_names(setting)}
    assert read - settings == {variable.name for variable in DAGS}
    for variable in DAGS:
        assert f'"{variable.name}", "{variable.default}"' in code or not any(
            mark in variable.default for mark in "@*"
        )


@pytest.mark.parametrize("key", sorted(json_schema()["properties"]))
def test_every_key_of_a_monitor_file_is_documented(key: str) -> None:
    assert re.search(rf"\b{key}\b", text_of("docs/monitor-file.md"))


def test_every_setting_is_documented() -> None:
    page = text_of("docs/operations/configuration.md")
    settings = set(Settings.model_fields) - {"connections"}
    names = {name for setting in settings for name in environment_names(setting)}
    assert {name for name in {*names, CONNECTION_PREFIX} if f"`{name}" not in page} == set()


@pytest.mark.parametrize(
    "metric",
    sorted(
        set(METHODS)
        | set(QualityLimits.model_fields)
        | (set(PerformanceCheck.model_fields) - {"min_labels"})
    ),
)
def test_every_metric_that_can_be_judged_has_its_formula(metric: str) -> None:
    page = text_of("docs/checks-and-metrics.md")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    assert any(f"`{metric}`" in row for row in rows)


@pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.name)
def test_the_table_of_drift_methods_is_the_one_that_judges(method: Method) -> None:
    page = text_of("docs/checks-and-metrics.md")
    (row,) = re.findall(
        rf"^\| `{method.name}` \| ([NC, ]+) \| ([<>=]+ [\d.]+) \|", page, re.MULTILINE
    )
    kinds = ", ".join(kind[0].upper() for kind in method.kinds)
    assert row == (kinds, f"{method.drift_when} {method.threshold}")


def test_every_status_stands_in_the_order_of_severity() -> None:
    page = text_of("docs/decisions/0002-status-order.md")
    order = " < ".join(f"`{status}`" for status in sorted(Status, key=lambda s: s.severity))
    assert order in page


def test_the_makefile_has_ten_targets_at_most() -> None:
    targets = re.findall(r"^[a-z-]+:.*## ", text_of("Makefile"), flags=re.MULTILINE)
    assert 0 < len(targets) <= 10
