"""Monitor files: every problem has its file, line, key and cure; none hides another."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitoring_jobs.errors import InvalidMonitor
from monitoring_jobs.monitor_files import load_files, load_folder, load_monitor
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
        "name: 1wine\nowner: 3\ndata: {source: parquet}\nreference: {source: ftp}\nfoo: 1\n",
    )
    assert [problem.split(":")[0] for problem in found] == ["1", "2", "3", "4", "5"]


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
