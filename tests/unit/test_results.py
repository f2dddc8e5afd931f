"""The results model: one value type for every sink, strict JSON, a fixed order of severity."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_jobs.results import DagRunRef, Evaluation, Measurement, Status, verdict
from tests.fixtures.evaluations import make_evaluation, performance

measurements = st.builds(
    Measurement,
    check=st.sampled_from(["schema", "quality", "drift", "performance"]),
    metric=st.text(min_size=1, max_size=12),
    column=st.text(max_size=12),
    segment=st.text(max_size=12),
    value=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    threshold=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    status=st.sampled_from(Status),
    detail=st.dictionaries(
        st.text(max_size=8), st.none() | st.booleans() | st.integers() | st.text(max_size=8)
    ),
)


def judged(
    status: Status, check: str = "drift", column: str = "a", metric: str = "m"
) -> Measurement:
    return Measurement(check=check, metric=metric, column=column, status=status)


# --- the order of severity ------------------------------------------------------------------------
def test_severity_rises_from_skipped_to_error() -> None:
    assert sorted(Status, key=lambda status: status.severity) == [
        Status.SKIPPED,
        Status.INSUFFICIENT_DATA,
        Status.OK,
        Status.WARNING,
        Status.FAILED,
        Status.ERROR,
    ]


@given(st.lists(st.sampled_from(Status), min_size=1))
def test_the_worst_measurement_is_the_verdict(statuses: list[Status]) -> None:
    worst = verdict(judged(status, metric=str(n)) for n, status in enumerate(statuses))
    assert worst.severity == max(status.severity for status in statuses)


@given(st.lists(st.sampled_from(Status), min_size=1), st.randoms())
def test_the_order_of_measurements_does_not_matter(statuses: list[Status], random: object) -> None:
    found = [judged(status, metric=str(n)) for n, status in enumerate(statuses)]
    shuffled = found.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert verdict(found) is verdict(shuffled)


def test_f01_nothing_measured_is_insufficient_data() -> None:
    assert verdict([]) is Status.INSUFFICIENT_DATA


@pytest.mark.parametrize("check", ["quality", "drift"])
def test_f02_a_window_that_could_not_be_judged_does_not_pass(check: str) -> None:
    found = [judged(Status.OK), judged(Status.INSUFFICIENT_DATA, check=check, column="")]
    assert verdict(found) is Status.INSUFFICIENT_DATA


def test_f02_too_little_data_hides_no_failure() -> None:
    found = [judged(Status.FAILED), judged(Status.INSUFFICIENT_DATA, column="")]
    assert verdict(found) is Status.FAILED


def test_missing_labels_leave_the_verdict_to_the_other_checks() -> None:
    found = [judged(Status.OK), judged(Status.INSUFFICIENT_DATA, check="performance", column="")]
    assert verdict(found) is Status.OK


# --- strict JSON ----------------------------------------------------------------------------------
@given(st.lists(measurements, unique_by=lambda m: m.key, max_size=5))
def test_json_reads_back(found: list[Measurement]) -> None:
    evaluation = make_evaluation(measurements=tuple(found), status=verdict(found))
    text = evaluation.to_json()
    assert Evaluation.from_json(text) == evaluation
    json.loads(text, parse_constant=pytest.fail)


@given(st.builds(DagRunRef, dag_id=st.text(), run_id=st.text()))
def test_the_dag_run_reads_back(dag_run: DagRunRef) -> None:
    evaluation = make_evaluation(dag_run=dag_run)
    assert Evaluation.from_json(evaluation.to_json()) == evaluation


def test_when_the_next_window_is_due_reads_back() -> None:
    evaluation = make_evaluation(due_at=datetime(2026, 11, 22, 3, 0, 0, 1, tzinfo=UTC))
    assert Evaluation.from_json(evaluation.to_json()) == evaluation


def test_an_evaluation_of_before_a_key_was_written_has_none() -> None:
    raw = make_evaluation().as_dict()
    del raw["dag_run"], raw["due_at"]
    assert Evaluation.from_json(json.dumps(raw)) == make_evaluation()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), np.float64("nan")])
def test_f09_a_number_that_is_none_never_enters_a_measurement(value: float) -> None:
    with pytest.raises(ValueError, match=r"is (nan|-?inf)"):
        Measurement(check="drift", metric="ks", status=Status.OK, value=value)


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64, np.int8, np.bool_])
def test_f10_numpy_scalars_become_python_numbers(kind: type) -> None:
    value = Measurement(check="drift", metric="ks", status=Status.OK, value=kind(1)).value
    assert type(value) is float


def test_f11_a_lone_surrogate_does_not_break_the_file() -> None:
    evaluation = make_evaluation(measurements=(judged(Status.OK, column="a\ud800b"),))
    evaluation.to_json().encode("utf-8")


def test_two_measurements_of_one_thing_are_refused() -> None:
    twice = (judged(Status.OK), judged(Status.FAILED))
    with pytest.raises(ValueError, match="two measurements of"):
        make_evaluation(measurements=twice)


def test_f26_the_same_evaluation_gives_the_same_bytes() -> None:
    assert make_evaluation().to_json() == make_evaluation().to_json()


@pytest.mark.parametrize("count", [0, 1, 3])
def test_file_has_a_line_per_measurement(count: int) -> None:
    found = tuple(judged(Status.OK, column=f"ü\n{number}") for number in range(count))
    evaluation = make_evaluation(measurements=found)
    text = evaluation.to_json()
    assert json.loads(text) == evaluation.as_dict()
    assert sum(line.startswith('  {"check": ') for line in text.splitlines()) == count
    assert text.splitlines()[-2:] == ([" ]", "}"] if count else [' "measurements": []', "}"])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema_version": 99}', "{"])
def test_what_is_no_evaluation_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Evaluation.from_json(text)


@pytest.mark.parametrize("key", ["monitor", "window", "status", "rows", "measurements"])
def test_an_evaluation_without_a_key_is_refused(key: str) -> None:
    raw = make_evaluation().as_dict()
    del raw[key]
    with pytest.raises(ValueError, match=key):
        Evaluation.from_json(json.dumps(raw))


def test_the_verdict_survives_the_file() -> None:
    evaluation = make_evaluation(measurements=(), status=Status.INSUFFICIENT_DATA)
    assert Evaluation.from_json(evaluation.to_json()).status is Status.INSUFFICIENT_DATA


def test_an_older_versions_verdict_is_read_as_it_was_judged() -> None:
    evaluation = make_evaluation(status=Status.OK)
    assert Evaluation.from_json(evaluation.to_json()).status is Status.OK


def places(raw: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of every value in a JSON document."""
    if path:
        yield path
    if not isinstance(raw, dict | list):
        return
    for key, child in raw.items() if isinstance(raw, dict) else enumerate(raw):
        yield from places(child, (*path, key))


EVALUATION = make_evaluation(measurements=(performance("f1", 0.5, Status.WARNING),)).as_dict()
NUMBERS = {"value", "threshold", "duration_seconds"}
WRONG: list[object] = [None, True, -1, 1.5, 10**400, "canary-4711", [], [None], {}, {"x": []}]


@pytest.mark.parametrize("path", [*places(EVALUATION)], ids=lambda p: ".".join(map(str, p)))
@pytest.mark.parametrize("wrong", WRONG, ids=lambda w: repr(w)[:12])
def test_a_field_of_a_wrong_type_is_a_value_error_or_harmless(
    path: tuple[str | int, ...], wrong: object
) -> None:
    raw = copy.deepcopy(EVALUATION)
    holder: Any = raw
    for key in path[:-1]:
        holder = holder[key]
    before = holder[path[-1]]
    holder[path[-1]] = wrong
    reason = ""
    try:
        assert Evaluation.from_json(json.dumps(raw)).as_dict() == raw
    except ValueError as exc:
        reason = str(exc)
    harmless = type(wrong) is type(before) or None in (wrong, before) or path[-1] in NUMBERS
    assert reason or harmless
    assert "canary" not in reason
    assert len(reason) < 100


@pytest.mark.parametrize(
    ("path", "wrong", "reason"),
    [
        (("rows", "current"), -1, "evaluation.rows.current is not a count"),
        (("rows", "sampled"), True, "evaluation.rows.sampled is not a count"),
        (("computed_at",), "2026-11-21T02:00:00", "computed_at is not a time with a zone"),
        (("computed_at",), "0001-01-01T00:00:00+14:00", "computed_at is not a time with a zone"),
        (("window", "end"), "2026-11-20T00:00:00Z", "window.start is not before its end"),
        (("sinks",), "postgres", "evaluation.sinks is not a list"),
        (("sinks",), ["postgres", 1], "evaluation.sinks is not a list of texts"),
        (("status",), "fine", "evaluation.status is not one of ok, "),
        (("measurements", 0, "status"), "fine", "measurement.status is not one of ok, "),
        (("measurements", 0, "detail"), ["n"], "measurement.detail is not an object"),
        (("measurements", 0, "detail"), {"n": [1]}, "something else than scalars"),
        (("measurements", 0, "value"), "0.5", "measurement.value is not a finite number"),
        (("measurements", 0), 7, "measurement is not an object"),
        (("model",), None, "evaluation.model is not an object"),
        (("schema_version",), True, "not an evaluation of schema version 1"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_short(
    path: tuple[str | int, ...], wrong: object, reason: str
) -> None:
    raw = copy.deepcopy(EVALUATION)
    holder: Any = raw
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = wrong
    with pytest.raises(ValueError, match=re.escape(reason)):
        Evaluation.from_json(json.dumps(raw))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("name", ["value", "threshold"])
def test_f09_a_file_with_a_number_that_is_none_is_refused(name: str, number: str) -> None:
    raw = copy.deepcopy(EVALUATION)
    raw["measurements"][0][name] = "here"
    with pytest.raises(ValueError, match=r"no JSON|not a finite number"):
        Evaluation.from_json(json.dumps(raw).replace('"here"', number))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"schema_version":' * 100_000, b"\xff\xfe\x00"])
def test_a_file_that_breaks_the_reader_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        Evaluation.from_json(text)
