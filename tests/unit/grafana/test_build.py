"""The dashboards' files are what their source says, and complete."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import build
from monitoring_dashboards import catalog, statuses

# After monitoring_dashboards, which imports the SDK without its advice to prefer schema version 2.
from grafana_foundation_sdk.cog.plugins import register_default_plugins  # isort: skip
from grafana_foundation_sdk.models.dashboard import Dashboard  # isort: skip

FOLDER = Path(__file__).resolve().parents[3] / "grafana" / "dashboards"
FILES = catalog.files()
PAGES: dict[str, dict[str, Any]] = {name: json.loads(text) for name, text in FILES.items()}
BY_UID = {page["uid"]: page for page in PAGES.values()}
DATASOURCES = {"postgres-datasource", "prometheus-datasource"}
EXPECTED = {
    "fleet-overview": "Fleet Overview",
    "mlflow-metrics": "MLflow Metrics Dashboard",
    "mlops-model-monitoring": "MLOps Model Monitoring Dashboard",
    "data-drift": "Data Drift Monitoring Dashboard",
    "evidently-drift": "Evidently - Data Drift Monitoring",
    "mlflow-model-server": "MLflow & Model Server Monitoring",
    "ml-monitoring": "ML Monitoring",
    "operations": "Operations",
}


def panels(page: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the panels that show something, those of closed rows among them."""
    for panel in page["panels"]:
        if panel["type"] == "row":
            yield from panel.get("panels") or []
        else:
            yield panel


def asking(page: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the panels that ask a datasource."""
    return [panel for panel in panels(page) if panel["type"] != "text"]


def strings(node: object) -> Iterator[str]:
    """Yield every text in a file."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        for value in node.values():
            yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)


def test_the_committed_files_are_what_the_source_generates() -> None:
    committed = {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.json")}

    assert sorted(committed) == sorted(FILES)
    stale = [name for name, text in FILES.items() if committed[name] != text]
    assert not stale, f"run .venv/bin/python grafana/src/build.py: {stale}"


def test_every_dashboard_of_the_inventory_exists_under_its_uid_and_file_name() -> None:
    assert {uid: page["title"] for uid, page in BY_UID.items()} == EXPECTED
    assert len(BY_UID) == len(PAGES)
    assert set(PAGES) == {f"{uid.replace('-', '_')}.json" for uid in EXPECTED}


def test_generating_twice_gives_the_same_text() -> None:
    assert catalog.files() == FILES


@pytest.mark.parametrize("name", sorted(FILES))
def test_the_sdks_models_read_a_file_and_write_it_back_unchanged(name: str) -> None:
    register_default_plugins()

    assert catalog.rendered(Dashboard.from_json(json.loads(FILES[name]))) == FILES[name]


@pytest.mark.parametrize("uid", sorted(EXPECTED))
def test_every_panel_says_what_it_shows_in_which_unit_and_why_it_may_be_empty(uid: str) -> None:
    for panel in asking(BY_UID[uid]):
        title, defaults = panel["title"], panel["fieldConfig"]["defaults"]
        assert title, panel
        assert len(panel["description"]) > 15, title
        assert defaults["unit"], title
        assert len(defaults["noValue"]) > 15, title
        assert defaults["noValue"].endswith((".", "?")), title


@pytest.mark.parametrize("uid", sorted(EXPECTED))
def test_every_query_names_a_provisioned_datasource(uid: str) -> None:
    page = BY_UID[uid]
    asked = [*page["annotations"]["list"], *page["templating"]["list"]]
    for panel in asking(page):
        assert panel["targets"], panel["title"]
        asked += [panel, *panel["targets"]]

    assert {one["datasource"]["uid"] for one in asked} <= DATASOURCES


@pytest.mark.parametrize("uid", sorted(EXPECTED))
def test_every_panel_has_its_own_number_and_its_own_place(uid: str) -> None:
    shown = BY_UID[uid]["panels"]
    numbers = [panel["id"] for panel in [*shown, *panels(BY_UID[uid])]]
    assert len(set(numbers)) == len({id(panel) for panel in [*shown, *panels(BY_UID[uid])]})

    taken: set[tuple[int, int]] = set()
    for panel in shown:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        cells = {
            (column, row)
            for column in range(place["x"], place["x"] + place["w"])
            for row in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells, panel["title"]
        taken |= cells


@pytest.mark.parametrize("uid", sorted(EXPECTED))
def test_links_between_dashboards_lead_to_one_and_set_variables_that_it_has(uid: str) -> None:
    for text in strings(BY_UID[uid]):
        if not (found := re.match(r"/d/([\w-]+)", text)):
            continue
        assert found[1] in BY_UID, text
        known = {variable["name"] for variable in BY_UID[found[1]]["templating"]["list"]}
        given = re.findall(r"[?&](?:var-(\w+)=|\$\{(\w+):queryparam\})", text)
        assert {one or other for one, other in given} <= known, text


@pytest.mark.parametrize("uid", sorted(EXPECTED))
def test_every_variable_used_is_chosen_on_the_same_dashboard(uid: str) -> None:
    page = BY_UID[uid]
    known = {variable["name"] for variable in page["templating"]["list"]}
    used = {name for text in strings(page) for name in re.findall(r"\$\{?([a-z]\w*)", text)}

    assert used <= known


@pytest.mark.parametrize("uid", sorted(EXPECTED))
def test_no_address_can_set_where_links_lead(uid: str) -> None:
    for variable in BY_UID[uid]["templating"]["list"]:
        if variable["name"].endswith("_url"):
            assert variable["skipUrlSync"], variable["name"]
            assert variable["hide"] == 2, variable["name"]


@pytest.mark.parametrize("uid", sorted(EXPECTED))
def test_a_status_has_the_same_color_wherever_it_is_a_word(uid: str) -> None:
    def mappings(node: object) -> Iterator[tuple[str, str]]:
        if isinstance(node, list):
            for item in node:
                yield from mappings(item)
        elif isinstance(node, Mapping):
            if node.get("type") == "value" and isinstance(node.get("options"), Mapping):
                yield from ((key, one["color"]) for key, one in node["options"].items())
            for value in node.values():
                yield from mappings(value)

    for status, color in mappings(BY_UID[uid]):
        if status in statuses.COLORS:
            assert color == statuses.COLORS[status], status


@pytest.mark.parametrize("uid", sorted(EXPECTED))
def test_nobody_edits_in_the_browser_what_the_next_start_would_overwrite(uid: str) -> None:
    assert BY_UID[uid]["editable"] is False
    assert BY_UID[uid]["timezone"] == "utc"


@pytest.mark.parametrize("uid", sorted(EXPECTED))
def test_a_pattern_of_names_is_one_and_not_a_whole_name(uid: str) -> None:
    for panel in asking(BY_UID[uid]):
        for override in panel["fieldConfig"]["overrides"]:
            matcher = override["matcher"]
            if matcher["id"] == "byRegexp":
                assert re.fullmatch("/.+/", matcher["options"]), panel["title"]


@pytest.mark.parametrize("uid", sorted(EXPECTED))
def test_names_of_digits_in_tables_are_no_numbers(uid: str) -> None:
    words = {
        "matcher": {"id": "byType", "options": "string"},
        "properties": [{"id": "unit", "value": "string"}],
    }
    for panel in asking(BY_UID[uid]):
        if panel["type"] == "table":
            assert words in panel["fieldConfig"]["overrides"], panel["title"]


def test_building_removes_the_file_of_a_dashboard_that_is_no_more(tmp_path: Path) -> None:
    folder = tmp_path / "dashboards"
    folder.mkdir()
    (folder / "gone.json").write_text("{}")

    build.main(folder, tmp_path / "rules.yaml")

    assert {path.name: path.read_text("utf-8") for path in folder.iterdir()} == FILES
