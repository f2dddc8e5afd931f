"""What Grafana reads at its start holds together, names no host, and holds no secret."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring_alerts import files, monitors
from monitoring_dashboards import catalog, targets

GRAFANA = Path(__file__).resolve().parents[3] / "grafana"
FOLDER = GRAFANA / "provisioning"
FILES = {path.relative_to(FOLDER).as_posix(): path for path in sorted(FOLDER.rglob("*.yaml"))}
VARIABLE = re.compile(r"\$\{(\w+)\}")
# Values of these keys lead somewhere or open something.
CONFIDENTIAL = {
    "url",
    "password",
    "addresses",
    "integrationKey",
    "authorization_credentials",
    "database",
    "sslRootCertFile",
}


def _read(name: str) -> Any:
    return yaml.safe_load(FILES[name].read_text(encoding="utf-8"))


def _leaves(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value with the key under which it stands."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            yield from _leaves(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from _leaves(value, key)
    else:
        yield key, node


DATASOURCES = {
    source["uid"]: source for source in _read("datasources/monitoring.yaml")["datasources"]
}
RULES = [rule for group in _read("alerting/rules.yaml")["groups"] for rule in group["rules"]]
POINTS = {point["name"]: point for point in _read("alerting/contact-points.yaml")["contactPoints"]}
MUTES = {timing["name"] for timing in _read("alerting/mute-timings.yaml")["muteTimes"]}
(POLICY,) = _read("alerting/policies.yaml")["policies"]
NAMES = [rule["title"] for rule in RULES]


def _routes(route: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield route
    for child in route.get("routes", []):
        yield from _routes(child)


def test_rules_are_those_that_the_source_writes() -> None:
    committed = FILES["alerting/rules.yaml"].read_text(encoding="utf-8")

    assert committed == files.rendered(), "run .venv/bin/python grafana/src/build.py"


@pytest.mark.parametrize("name", FILES)
def test_file_is_of_the_version_that_grafana_reads(name: str) -> None:
    assert _read(name)["apiVersion"] == 1


# What Grafana knows; a key that it does not know is passed over without a word.
KEYS = {
    "datasources": "name uid type access orgId url user isDefault editable jsonData secureJsonData",
    "jsonData": "httpMethod prometheusType timeInterval queryTimeout timeout incrementalQuerying "
    "incrementalQueryOverlapWindow manageAlerts alertmanagerUid implementation "
    "handleGrafanaManagedAlerts database sslmode tlsConfigurationMethod sslRootCertFile "
    "postgresVersion timescaledb maxOpenConns maxIdleConns maxIdleConnsAuto connMaxLifetime",
    "secureJsonData": "password",
    "providers": "name orgId folder folderUid type allowUiUpdates disableDeletion "
    "updateIntervalSeconds options",
    "options": "path",
    "contactPoints": "orgId name receivers",
    "receivers": "uid type settings disableResolveMessage",
    "settings": "addresses singleEmail subject message url title text integrationKey severity "
    "class component summary details httpMethod authorization_scheme authorization_credentials",
    "policies": "orgId receiver group_by group_wait group_interval repeat_interval routes",
    "routes": "receiver object_matchers mute_time_intervals continue routes",
    "muteTimes": "orgId name time_intervals",
    "time_intervals": "times weekdays location",
    "times": "start_time end_time",
    "templates": "orgId name template",
    "groups": "orgId name folder interval rules",
    "rules": "uid title condition data noDataState execErrState for annotations labels "
    "dashboardUid panelId",
    "data": "refId datasourceUid relativeTimeRange model",
}


def _objects(node: Any, key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every object with the key under which it, or the list of it, stands."""
    if isinstance(node, Mapping):
        yield key, node
        for name, value in node.items():
            yield from _objects(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from _objects(value, key)


@pytest.mark.parametrize("name", FILES)
def test_file_holds_keys_that_grafana_knows(name: str) -> None:
    found = [(key, node) for key, node in _objects(_read(name), "") if key in KEYS]
    unknown = {f"{key}.{k}" for key, node in found for k in node if k not in KEYS[key].split()}

    assert found
    assert not unknown


def test_datasources_bear_the_uids_that_dashboards_and_rules_name() -> None:
    for reference in (targets.POSTGRES, targets.PROMETHEUS):
        assert DATASOURCES[str(reference.uid)]["type"] == reference.type_val
    assert {source.get("editable") for source in DATASOURCES.values()} == {False}
    alertmanager = DATASOURCES["prometheus-datasource"]["jsonData"]["alertmanagerUid"]
    assert DATASOURCES[alertmanager]["type"] == "alertmanager"
    assert DATASOURCES["postgres-datasource"]["user"] == "monitoring_reader"


def test_dashboards_cannot_be_saved_over_their_files() -> None:
    (provider,) = _read("dashboards/monitoring.yaml")["providers"]

    assert provider["allowUiUpdates"] is False
    # Grafana makes the rules' folder before that of the dashboards, which has a uid of ours.
    assert provider["folder"] not in {g["folder"] for g in _read("alerting/rules.yaml")["groups"]}


@pytest.mark.parametrize("name", [n for n in FILES if n != "alerting/rules.yaml"])
def test_addresses_and_secrets_come_from_the_environment(name: str) -> None:
    for key, value in _leaves(_read(name)):
        if key in CONFIDENTIAL:
            assert VARIABLE.fullmatch(str(value)), f"{key} is written out"
        assert "://" not in str(value), f"{key} names a host"


def test_every_variable_is_documented_and_every_documented_one_is_used() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    used = {v for path in FILES.values() for v in VARIABLE.findall(path.read_text("utf-8"))}

    assert set(re.findall(r"^\| `(MONITORING_\w+)` \|", text, re.MULTILINE)) == used


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_condition_and_texts_name_what_the_rule_asks(rule: Mapping[str, Any]) -> None:
    asked = [query["refId"] for query in rule["data"]]
    named = {
        letter
        for query in rule["data"]
        for letter in re.findall(r"\$(\w+)", query["model"].get("expression", ""))
    }
    texts = " ".join(rule["annotations"].values())

    assert len(set(asked)) == len(asked)
    assert rule["condition"] in asked
    assert named <= set(asked)
    assert set(re.findall(r"\.Values\.(\w+)", texts)) <= set(asked)
    for query in rule["data"]:
        assert query["datasourceUid"] in {*DATASOURCES, "__expr__"}
        assert query["model"]["refId"] == query["refId"]
        assert query["model"]["datasource"]["uid"] == query["datasourceUid"]


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_rule_says_what_how_bad_and_where_to_look(rule: Mapping[str, Any]) -> None:
    annotations = rule["annotations"]

    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["labels"]["component"]
    assert annotations["summary"]
    assert len(annotations["description"]) > len(annotations["summary"])
    assert annotations["dashboard_url"].startswith("{{ externalURL }}d/")
    if rule["title"] in {monitor_rule.name for monitor_rule in monitors.RULES}:
        assert annotations["report_url"].endswith("/latest")
        assert ".Values.A.Value" in annotations["description"]
        assert ".Values.B.Value" in annotations["description"]


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_texts_hold_no_dollar_that_grafana_might_take_for_a_variable(
    rule: Mapping[str, Any],
) -> None:
    texts = [rule["title"], *rule["annotations"].values(), *rule["labels"].values()]

    assert not [text for text in texts if "$" in text]


@cache
def _pages() -> Mapping[str, Any]:
    return {page["uid"]: page for page in map(json.loads, catalog.files().values())}


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_links_lead_to_dashboards_that_know_what_is_handed_over(rule: Mapping[str, Any]) -> None:
    pages = _pages()
    uid, _, query = (
        rule["annotations"]["dashboard_url"].removeprefix("{{ externalURL }}d/").partition("?")
    )

    assert rule["annotations"]["__dashboardUid__"] == rule["dashboardUid"]
    assert rule["annotations"].get("__panelId__", "") == str(rule.get("panelId", ""))
    assert {uid, rule["dashboardUid"]} <= pages.keys()
    known = {variable["name"] for variable in pages[uid]["templating"]["list"]}
    assert set(re.findall(r"var-(\w+)=", query)) <= known


def test_uids_of_rules_and_receivers_are_unique_and_short_enough() -> None:
    uids = [rule["uid"] for rule in RULES]
    uids += [receiver["uid"] for point in POINTS.values() for receiver in point["receivers"]]

    assert len(set(uids)) == len(uids)
    assert max(map(len, uids)) <= 40


def test_only_the_rules_about_reaching_a_service_fire_when_a_query_fails() -> None:
    firing = {rule["title"] for rule in RULES if rule["execErrState"] == "Alerting"}

    assert firing == {"ResultsDatabaseDown", "PrometheusDown"}
    assert {r["execErrState"] for r in RULES if r["title"] not in firing} == {"KeepLast"}
    assert {r["noDataState"] for r in RULES if r["title"] not in firing} == {"OK"}


def test_policies_name_contact_points_and_mute_timings_that_exist() -> None:
    routes = list(_routes(POLICY))
    timings = {name for route in routes for name in route.get("mute_time_intervals", [])}

    assert {route["receiver"] for route in routes} == POINTS.keys()
    assert timings == MUTES


def test_policy_groups_and_repeats_as_agreed() -> None:
    agreed = {
        "group_by": ["alertname"],
        "group_wait": "30s",
        "group_interval": "5m",
        "repeat_interval": "4h",
    }

    assert {key: POLICY[key] for key in agreed} == agreed


def test_contact_points_use_templates_that_exist() -> None:
    (template,) = _read("alerting/templates.yaml")["templates"]
    defined = set(re.findall(r'define "([\w.]+)"', template["template"]))
    settings = " ".join(str(value) for _, value in _leaves(_read("alerting/contact-points.yaml")))
    used = set(re.findall(r'template "([\w.]+)"', settings + template["template"]))

    assert used == defined
