"""The files of docker/prometheus and docker/alertmanager, judged by the tools that read them.

What each alert does, firing and not firing, is told by docker/prometheus/tests.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring_jobs.doctor.expected import ALERTS
from monitoring_jobs.metrics import PUSHED, RESERVED
from tests.fixtures.prometheus import configure, require

PROJECT = Path(__file__).resolve().parents[2]
PROMETHEUS = PROJECT / "docker" / "prometheus"
ALERTMANAGER = PROJECT / "docker" / "alertmanager" / "alertmanager.yml"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))

COMPONENTS = {
    "drift",
    "infrastructure",
    "mlflow",
    "monitoring",
    "performance",
    "quality",
    "serving",
}
# An extraction is no window: each attempt at it pushes.
VERDICTS = {name for name in PUSHED if not name.startswith("mlflow_")}
# Of programs that are not ours.
FOREIGN = re.compile(r"node_|kube_|up$")
NAME = re.compile(r"(?<![\w:])(?:[a-z]+[_:][a-z0-9_:]+|up)(?![\w:]* ?[(])")
RANGE = re.compile(r"\[(\d+)([smhdw])\]")


@dataclass(frozen=True)
class Rule:
    """An alert or a recording, and the file it stands in."""

    file: str
    text: Mapping[str, Any]

    @property
    def metrics(self) -> set[str]:
        """Names of metrics in the expression, without labels, strings and functions."""
        bare = re.sub(
            r'"[^"]*"|\{[^}]*\}|\b(by|on|without|ignoring|group_\w+) ?\([^)]*\)',
            "",
            self.expression,
        )
        return set(NAME.findall(bare))

    @property
    def expression(self) -> str:
        return str(self.text["expr"])


def rules(kind: str = "") -> Iterator[Rule]:
    for path in RULES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from (Rule(path.stem, rule) for rule in group["rules"] if kind in (*rule, ""))


def run(*command: str | Path) -> str:
    """Return what a tool says; fail where it objects."""
    done = subprocess.run(
        [require(str(command[0])), *command[1:]], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_takes_its_configuration(tmp_path):
    # With a target for each job: the tool warns of files that are not there.
    jobs = [job["job_name"] for job in yaml.safe_load(prometheus_text())["scrape_configs"]]
    configure(tmp_path / "deployed", {job: ["127.0.0.1:1"] for job in jobs}, "30s")
    (tmp_path / "deployed" / "prometheus.yml").write_text(prometheus_text())
    told = run("promtool", "check", "config", tmp_path / "deployed" / "prometheus.yml")
    assert "WARNING" not in told
    assert told.count("SUCCESS") == 2 + len(RULES)


def test_prometheus_names_no_host():
    settings = yaml.safe_load(prometheus_text())
    for job in settings["scrape_configs"]:
        assert job["file_sd_configs"] == [{"files": [f"targets/{job['job_name']}.yml"]}]
        assert "static_configs" not in job
    honored = {job["job_name"] for job in settings["scrape_configs"] if job.get("honor_labels")}
    assert honored == {"pushgateway", "kube-state-metrics"}


def test_the_rules_pass_their_own_tests():
    assert [path.name for path in TESTS] == [path.name for path in RULES]
    told = run("promtool", "test", "rules", *TESTS)
    assert told.count("SUCCESS") == len(TESTS)


def test_the_rules_are_without_lint():
    run("promtool", "check", "rules", "--lint=all", "--lint-fatal", *RULES)


def test_every_alert_of_the_inventory_that_gauges_can_tell_is_there():
    assert {rule.text["alert"] for rule in rules("alert")} == ALERTS


def test_every_rule_is_tested_firing_and_not_firing():
    firing, silent, evaluated = set(), set(), set()
    for path in TESTS:
        for case in yaml.safe_load(path.read_text())["tests"]:
            for check in case.get("alert_rule_test", ()):
                (firing if check["exp_alerts"] else silent).add(check["alertname"])
            evaluated |= {
                check["expr"].partition("{")[0] for check in case.get("promql_expr_test", ())
            }
    assert firing >= ALERTS
    assert silent >= ALERTS
    assert evaluated >= {rule.text["record"] for rule in rules("record")}


def test_every_alert_says_what_how_much_and_what_to_do():
    for rule in rules("alert"):
        labels, annotations = rule.text["labels"], rule.text["annotations"]
        assert labels["severity"] in ("critical", "warning"), rule
        assert labels["component"] in COMPONENTS, rule
        assert {"summary", "description", "action", "dashboard"} <= set(annotations), rule
        if rule.file == "models":
            assert {"report", "window_end"} <= set(annotations), rule
            assert "owner" in labels, rule


def test_what_moves_once_a_window_is_judged_at_once_and_over_no_minutes():
    for rule in rules():
        if rule.metrics & set(RESERVED) or rule.file in ("serving", "infrastructure"):
            continue
        for number, unit in RANGE.findall(rule.expression):
            assert unit in "dw", f"{rule} looks back {number}{unit}"
        if "alert" in rule.text and rule.metrics & VERDICTS and "up" not in rule.metrics:
            assert "for" not in rule.text, rule
            assert "keep_firing_for" in rule.text, rule


def test_the_rules_ask_for_metrics_that_there_are():
    known = {rule.text["record"] for rule in rules("record")} | set(PUSHED)
    for name, metric in RESERVED.items():
        known |= {name, f"{name}_bucket", f"{name}_sum", f"{name}_count"} if metric else set()
    asked = set().union(*(rule.metrics for rule in rules()))
    unknown = {name for name in asked - known if not FOREIGN.match(name)}
    assert not unknown
    assert len(asked) > 25


def test_the_documentation_explains_every_alert():
    text = (PROJECT / "docs" / "alerts.md").read_text()
    assert set(re.findall(r"^### `(\w+)`$", text, re.MULTILINE)) >= ALERTS


def test_the_alertmanager_takes_its_configuration():
    told = run("amtool", "check-config", ALERTMANAGER)
    assert "SUCCESS" in told
    assert "1 templates" in told


def test_no_secret_stands_in_the_configuration():
    text = ALERTMANAGER.read_text()
    assert not re.search(
        r"^\s*-?\s*\w*(password|api_url|routing_key|credentials|token):", text, re.MULTILINE
    )
    assert text.count("_file: /run/secrets/") == 4


@pytest.mark.parametrize(
    ("severity", "component", "receivers"),
    [
        ("critical", "drift", "models"),
        ("warning", "drift", "models"),
        ("warning", "quality", "models"),
        ("critical", "performance", "models"),
        ("critical", "serving", "page"),
        ("critical", "mlflow", "page"),
        ("critical", "infrastructure", "page"),
        ("critical", "monitoring", "page"),
        ("warning", "monitoring", "mail"),
        ("warning", "serving", "mail"),
        ("warning", "mlflow", "mail"),
        ("warning", "something new", "mail"),
    ],
)
def test_an_alert_goes_to_those_who_can_do_something(severity, component, receivers):
    labels = [f"severity={severity}", f"component={component}"]
    told = run("amtool", "config", "routes", "test", f"--config.file={ALERTMANAGER}", *labels)
    assert told.strip() == f"webhook,{receivers}"


def test_the_policy_is_that_of_the_inventory():
    route = yaml.safe_load(ALERTMANAGER.read_text())["route"]
    assert route["group_by"] == ["alertname"]
    intervals = ("group_wait", "group_interval", "repeat_interval")
    assert [route[interval] for interval in intervals] == ["30s", "5m", "4h"]
    kinds = {
        kind
        for receiver in yaml.safe_load(ALERTMANAGER.read_text())["receivers"]
        for kind in receiver
    }
    assert kinds == {"name"} | {
        f"{kind}_configs" for kind in ("email", "slack", "pagerduty", "webhook")
    }


def prometheus_text() -> str:
    return (PROMETHEUS / "prometheus.yml").read_text()
