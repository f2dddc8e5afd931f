"""airflow.cfg.example against the options of the installed Airflow."""

from __future__ import annotations

import configparser
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
# Gone in 3.3, kept off for whoever runs these Dags on an earlier Airflow.
GONE = {("usage_data_collection", "enabled")}


def example() -> list[tuple[str, str, str]]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(PROJECT / "airflow.cfg.example", encoding="utf-8")
    return [(s, key, value) for s in parser.sections() for key, value in parser[s].items()]


@pytest.fixture(scope="module")
def options() -> dict[str, Any]:
    spec = find_spec("airflow")  # found, not imported
    assert spec is not None
    assert spec.submodule_search_locations is not None
    folder = Path(next(iter(spec.submodule_search_locations))) / "config_templates"
    loaded: dict[str, Any] = yaml.safe_load((folder / "config.yml").read_text(encoding="utf-8"))
    return loaded


@pytest.mark.parametrize(("section", "key", "value"), example())
def test_every_key_is_one_of_airflows_and_differs_from_its_default(
    options: dict[str, Any], section: str, key: str, value: str
) -> None:
    if (section, key) in GONE:
        assert section not in options
        return
    known = options[section]["options"]
    option = known[key.removesuffix("_cmd")]
    assert str(option["default"]) != value


def test_no_secret_stands_in_the_file() -> None:
    for section, key, value in example():
        if any(word in key for word in ("secret", "fernet", "sql_alchemy_conn")):
            assert key.endswith("_cmd"), (section, key)
            assert value.startswith("cat /run/secrets/")


def test_every_key_has_its_reason_above_it() -> None:
    lines = (PROJECT / "airflow.cfg.example").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if "=" in line and not line.startswith("#"):
            assert lines[number - 1].startswith("#"), line
