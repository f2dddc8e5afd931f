"""Monitor files: every problem has its file, line, key and cure; none hides another."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitoring_jobs.errors import InvalidMonitor
from monitoring_jobs.monitor_files import load_files, load_folder, load_monitor
from monitoring_jobs.spec import MonitorSpec
from tests.fixtures.monitors import write_monitor_file

GOOD = """\
name: wine
data: {source: parquet, path: log.parquet, timestamp: ts}
reference: {source: parquet, path: reference.parquet}
"""


def problems_of(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "wine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidMonitor) as caught:
        load_monitor(path)
    return [problem.removeprefix(f"{path}:") for problem in caught.value.problems]


def test_a_good_file_loads_and_knows_its_folder(tmp_path: Path) -> None:
    (tmp_path / "wine.yaml").write_text(GOOD, encoding="utf-8")
    assert load_monitor(tmp_path / "wine.yaml").folder == tmp_path.resolve()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("scheduel: '@daily'", "4: scheduel: unknown key; did you mean 'schedule'?"),
        ("publish: {pushgatway: true}", "4: publish.pushgatway: unknown key; did you mean "),
        ("checks: {drift: {treshold: 1}}", "4: checks.drift.treshold: unknown key"),
        ("checks: {quality: {missing_shar: 1}}", "did you mean 'missing_share'?"),
        ("checks: {schema: {new_colum: ok}}", "did you mean 'new_column'?"),
        ("model: {name: wine, alais: champion}", "4: model.alais: unknown key; did you mean 'alia"),
        ("report: {when: sometimes}", "4: report.when: 'sometimes' is not one of 'always', 'on_al"),
        ("schedule: 99 * * * *", "4: schedule: '99 * * * *' is neither a cron of five fields"),
        ("timezone: Mars/Base", "4: timezone: 'Mars/Base' is no time zone; write one like"),
        ("window: 0d", "4: window: must be longer than nothing"),
        ("columns: {numerical: [a], categorical: [a]}", "4: columns.categorical.0: 'a' is listed "),
        ("columns: {target: label}", "1: task: say classification or regression"),
        ("columns: {probability: p}", "4: columns.probability: is for task: classification only"),
        ("model: {name: m, alias: a, version: 1}", "4: model.version: give an alias or a version"),
        ("checks: {performance: {mae: {max: 1}}}", "4: checks.performance.mae: cannot be checked"),
        ("columns: {numerical: [1]}", "4: columns.numerical.0: must be text; put it in quotes"),
        ("window: soon", "4: window: 'soon' is not a duration; write 30m, 2h, 1d or 1w"),
        ("segments: region", "4: segments: must be a list; write [a, b]"),
        ("columns: [a]", "4: columns: must be a mapping of keys"),
        ("owner: 7", "4: owner: must be text; put it in quotes"),
        ("checks: {drift: {share: much}}", "4: checks.drift.share: must be a number"),
        ("checks: {drift: {min_rows: 1.5}}", "4: checks.drift.min_rows: "),
        ("checks: {drift: {numerical: {method: chi}}}", "4: checks.drift.numerical.method: 'chi'"),
        ("checks: {drift: true}", "4: checks.drift: "),
    ],
)
def test_f62_a_problem_names_line_key_and_cure(tmp_path: Path, line: str, problem: str) -> None:
    found = problems_of(tmp_path, GOOD + line + "\n")
    assert len(found) == 1, found
    assert problem in found[0]


def test_f62_every_problem_is_listed_in_the_order_of_lines(tmp_path: Path) -> None:
    found = problems_of(
        tmp_path,
        "name: 1wine\nowner: 3\ndata: {source: csv, timestamp: t}\n"
        "reference: {source: ftp}\nfoo: 1\n",
    )
    assert [problem.split(":")[0] for problem in found] == ["1", "2", "3", "4", "5"]


CONTRADICTORY = """\
name: wine
scheduel: "@daily"
window: 0d
task: regression
model: {name: wine, alias: champion, version: 3}
data:
  source: parquet
  path: log.parquet
reference: {source: parquet, path: reference.parquet}
columns:
  numerical: [alcohol, alcohol, label]
  categorical: [region]
  prediction: grade
  probability: p
  target: label
  id: 7
checks:
  quality:
    columns:
      regoin: {missing_share: 0.5}
  drift:
    share: 2
    columns:
      alcohool: {method: ks}
      region: {method: ks}
      grade: {method: z}
  performance:
    accuracy: {min: 0.8}
    mae: {min: 2, max: 1}
"""


def test_f62_contradictions_are_listed_beside_plain_errors_each_with_its_line(
    tmp_path: Path,
) -> None:
    found = problems_of(tmp_path, CONTRADICTORY)
    assert [problem.rsplit(": ", 1)[0] for problem in found if ": is for" not in problem] == [
        "2: scheduel",
        "3: window",
        "5: model.version",
        "6: data.timestamp",
        "11: columns.numerical.1",
        "15: columns.target",
        "16: columns.id",
        "20: checks.quality.columns.regoin",
        "22: checks.drift.share",
        "24: checks.drift.columns.alcohool",
        "25: checks.drift.columns.region.method",
        "26: checks.drift.columns.grade.method",
        "28: checks.performance.accuracy",
        "29: checks.performance.mae.min",
    ]
    assert "14: columns.probability: is for task: classification only; say so or remove it" in found


KEYS = sorted({*MonitorSpec.model_fields, *re.findall(r"(\w+):", CONTRADICTORY)})
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.sampled_from(["", "x", "0d", "ks", "sql"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(KEYS), JUNK, max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_f62_no_nonsense_is_worse_than_lines_of_problems(
    tmp_path: Path, nonsense: dict[str, object]
) -> None:
    text = yaml.safe_dump({**yaml.safe_load(CONTRADICTORY), **nonsense}, sort_keys=False)
    assert all(re.match(r"\d+: \w", problem) for problem in problems_of(tmp_path, text))


def test_f62_a_missing_key_is_named(tmp_path: Path) -> None:
    found = problems_of(tmp_path, "name: wine\n")
    assert any("data: is missing; add it" in problem for problem in found)
    assert any("reference: is missing; add it" in problem for problem in found)


def test_f62_a_source_without_its_kind_is_told_which_there_are(tmp_path: Path) -> None:
    text = GOOD.replace("source: parquet, path: log", "path: log")
    assert "data: source: is missing; say parquet, csv or sql" in problems_of(tmp_path, text)[0]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name: [", "is not valid YAML"),
        ("", "is not a mapping of keys"),
        ("- name: x", "is not a mapping of keys"),
        ("name: a\nname: b\n", "2: name: given twice; keep one"),
        ("name: !!python/object/apply:os.system ['id']\n", "is not valid YAML"),
        ("a: &a [*a]\n", "1: a: unknown key"),
        ("name: 2026-13-45\n", "1: is not valid YAML: month must be in 1..12"),
        ("name: " + "[" * 5000, "nested too deeply"),
    ],
)
def test_f62_what_is_no_monitor_file_is_one_line(tmp_path: Path, text: str, problem: str) -> None:
    found = problems_of(tmp_path, text)
    assert any(problem in line for line in found)
    assert all("\n" not in line for line in found)


def test_f62_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wine.yaml"
    path.write_bytes(b"\xff\xfe\x00name")
    with pytest.raises(InvalidMonitor, match="save it as UTF-8"):
        load_monitor(path)


def test_f62_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidMonitor, match=r"nowhere\.yaml:1: cannot be read"):
        load_monitor(tmp_path / "nowhere.yaml")


def test_f62_a_broken_file_hides_no_other(tmp_path: Path) -> None:
    write_monitor_file(tmp_path, "good")
    write_monitor_file(tmp_path, "bad", nonsense=1)
    files = load_folder(tmp_path)
    assert [(file.path.name, file.spec is None) for file in files] == [
        ("bad.yaml", True),
        ("good.yaml", False),
    ]


def test_f62_a_name_that_two_files_bear_breaks_both(tmp_path: Path) -> None:
    one = write_monitor_file(tmp_path / "a", "wine")
    other = write_monitor_file(tmp_path / "b", "wine")
    files = load_files([one, tmp_path / "b"])
    assert all(file.spec is None for file in files)
    assert files[0].problems == (f"{one}:1: name: 'wine' is taken by {other}; choose another",)


def test_a_file_that_is_named_twice_is_one_file(tmp_path: Path) -> None:
    path = write_monitor_file(tmp_path, "wine")
    assert len(load_files([path, tmp_path, tmp_path / "." / "wine.yaml"])) == 1


def test_a_branch_of_a_union_never_shows(tmp_path: Path) -> None:
    text = GOOD + "checks: {quality: {columns: {alcohol: {missing_share: 2}}}}\n"
    found = problems_of(tmp_path, text)
    assert len(found) == 1
    assert found[0].startswith("4: checks.quality.columns.alcohol.missing_share: ")


def test_aliases_of_aliases_do_not_swell_the_message(tmp_path: Path) -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    path = tmp_path / "bomb.yaml"
    path.write_text("\n".join([*levels, "task: *a9"]))
    with pytest.raises(InvalidMonitor) as caught:
        load_monitor(path)
    assert len(str(caught.value)) < 10_000


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(InvalidMonitor, match="is no file"):
        load_monitor(tmp_path / "pipe.yaml")


def test_a_huge_file_is_not_read_whole() -> None:
    with pytest.raises(InvalidMonitor, match="is no"):
        load_monitor("/dev/zero")


@pytest.mark.parametrize(
    "key", ["owner: ", "description: ", "model: {name: ", "model: {name: a, alias: "]
)
@pytest.mark.parametrize("mark", [r"a\0b", r"a\ud800b", r"a\u202eb"])
def test_f11_text_that_a_database_refuses_breaks_its_own_file_only(
    tmp_path: Path, key: str, mark: str
) -> None:
    # Airflow stores all monitors' Dags at once: one text that it cannot store would lose them all.
    line = f'{key}"{mark}"' + ("}" if "{" in key else "")
    (problem,) = problems_of(tmp_path, f"{GOOD}{line}\n")
    assert problem.endswith("; leave it out")


def test_f12_an_owner_longer_than_airflow_stores_is_refused(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, f"{GOOD}owner: {'x' * 251}\n")
    assert problem == "4: owner: string should have at most 250 characters"


def test_f12_a_file_whose_name_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"wine\xff.yaml")
    path.write_text(GOOD)
    (file,) = load_folder(tmp_path)
    assert file.spec is None
    assert "not every program can write this path" in file.problems[0]
    file.problems[0].encode()
