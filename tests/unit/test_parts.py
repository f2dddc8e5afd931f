"""Parts of an evaluation as values: who measures what, and what may be joined."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_jobs.parts import MOST_PARTS, Basis, ColumnGroup, Part, in_order
from monitoring_jobs.results import Measurement, Status

BASIS = Basis(
    monitor="wine",
    window="2026-11-20T00:00:00Z/2026-11-21T00:00:00Z",
    count=2,
    spec_hash="1" * 32,
    code_version="0.1.0",
    model="wine version 3",
    reference_id="2" * 32,
    rows=400,
    data="3" * 32,
    judged=(("alcohol", "numerical"), ("malic_acid", "numerical"), ("region", "categorical")),
)
OTHERS: dict[str, Any] = {
    "monitor": "beer",
    "window": "2026-11-21T00:00:00Z/2026-11-22T00:00:00Z",
    "count": 3,
    "spec_hash": "4" * 32,
    "code_version": "0.2.0",
    "model": "wine version 4",
    "reference_id": "5" * 32,
    "rows": 401,
    "data": "6" * 32,
    "judged": BASIS.judged[:2],
}

names = st.lists(st.text(max_size=5), unique=True, max_size=30)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec=None, categories=None), max_size=5),
)
measurements = st.builds(
    Measurement,
    check=st.sampled_from(["quality", "drift"]),
    metric=st.text(max_size=5),
    column=st.text(st.characters(codec=None, categories=None), max_size=5),
    segment=st.text(max_size=5),
    status=st.sampled_from(Status),
    value=st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9),
    threshold=st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9),
    detail=st.dictionaries(st.text(max_size=5), scalars, max_size=4),
)


# --- groups ---------------------------------------------------------------------------------------
@given(names, st.integers(1, MOST_PARTS))
def test_groups_share_all_columns_evenly(columns: list[str], count: int) -> None:
    groups = [ColumnGroup(number, count).of(columns) for number in range(1, count + 1)]
    assert sorted(name for group in groups for name in group) == sorted(columns)
    sizes = [len(group) for group in groups]
    assert max(sizes) - min(sizes) <= 1
    for group in groups:
        assert group == sorted(group, key=columns.index)


@pytest.mark.parametrize(("number", "count"), [(0, 2), (3, 2), (1, 0), (1, 65), (-1, 2)])
def test_there_is_no_group_beyond_the_first_and_the_last(number: int, count: int) -> None:
    with pytest.raises(ValueError, match="there is no group"):
        ColumnGroup(number, count)


# --- the basis ------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", OTHERS)
def test_whatever_is_not_the_same_makes_another_basis(name: str) -> None:
    other = replace(BASIS, **{name: OTHERS[name]})
    assert other.id != BASIS.id
    assert not other.made(BASIS.new_attempt())
    told = BASIS.changes(other)
    assert len(told) == (0 if name in ("monitor", "window") else 1)


def test_the_order_of_the_columns_counts() -> None:
    assert replace(BASIS, judged=BASIS.judged[::-1]).id != BASIS.id


def test_attempts_tell_their_basis_and_are_never_the_same() -> None:
    attempts = {BASIS.new_attempt() for _ in range(100)}
    assert len(attempts) == 100
    assert all(BASIS.made(attempt) and len(attempt) == 32 for attempt in attempts)


# --- JSON -----------------------------------------------------------------------------------------
@given(st.lists(measurements, max_size=4))
def test_a_part_is_read_as_it_was_written_to_the_last_bit(found: list[Measurement]) -> None:
    part = Part(basis=BASIS, group=ColumnGroup(2, 2), measurements=tuple(found))
    text = part.to_json()
    again = Part.from_json(text.encode("ascii"))
    assert again == part
    assert again.to_json() == text
    written, read = (json.dumps([m.as_dict() for m in p.measurements]) for p in (part, again))
    assert written == read


GOOD = json.loads(Part(basis=BASIS, group=ColumnGroup(1, 2), measurements=()).to_json())


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b"\xff",
        b'{"basis": ' + b"[" * 100_000,
        json.dumps(GOOD | {"basis": {}}),
        json.dumps(GOOD | {"basis": {**GOOD["basis"], "more": 1}}),
        json.dumps(GOOD | {"basis": {**GOOD["basis"], "judged": [["a"]]}}),
        json.dumps(GOOD | {"basis": {**GOOD["basis"], "count": "2"}}),
        json.dumps(GOOD | {"part": 3}),
        json.dumps(GOOD | {"part": None}),
        json.dumps(GOOD | {"measurements": [{"check": "drift"}]}),
        json.dumps(GOOD | {"measurements": 1}),
    ],
)
def test_what_is_no_part_is_refused_in_one_way(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        Part.from_json(text)
    assert "alcohol" not in str(refused.value)


# --- joining --------------------------------------------------------------------------------------
def measured(*columns: str) -> tuple[Measurement, ...]:
    return tuple(
        Measurement(check="quality", metric=metric, column=column, status=Status.OK)
        for column in columns
        for metric in ("missing_share", "mean")
    )


def test_measurements_come_back_in_the_order_of_the_columns() -> None:
    parts = [
        Part(basis=BASIS, group=ColumnGroup(2, 2), measurements=measured("malic_acid")),
        Part(basis=BASIS, group=ColumnGroup(1, 2), measurements=measured("alcohol", "region")),
    ]
    assert in_order(parts, BASIS.columns) == list(measured("alcohol", "malic_acid", "region"))


def test_a_measurement_of_no_such_column_is_not_lost_in_silence() -> None:
    part = Part(basis=BASIS, group=ColumnGroup(1, 2), measurements=measured("sugar"))
    with pytest.raises(ValueError, match="other columns"):
        in_order([part], BASIS.columns)
