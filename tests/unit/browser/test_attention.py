"""What asks for attention: failures one by one, missing data by its reason."""

from __future__ import annotations

import re

from monitoring_jobs.browser.attention import attention_list, attention_of
from monitoring_jobs.browser.values import Attention
from monitoring_jobs.results import Measurement, Status

LATE = [
    Measurement(
        check="performance",
        metric=f"m{n}",
        status=Status.INSUFFICIENT_DATA,
        detail={"reason": "no labels yet"},
    )
    for n in range(15)
]


def told(found: Attention, most: int = 5) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", str(attention_list(found, most))).split())


def test_measurements_that_lack_data_for_one_reason_are_one_sentence() -> None:
    found = attention_of([*LATE, Measurement(check="drift", metric="ks", status=Status.OK)], 5)
    assert told(found) == (
        "○ insufficient data 15 measurements of performance lack data: no labels yet"
    )


def test_failures_stand_above_what_lacks_data() -> None:
    worst = [
        Measurement(check="drift", metric=f"d{n}", status=status)
        for n, status in enumerate((Status.WARNING, Status.FAILED, Status.ERROR))
    ]
    alone = Measurement(check="quality", metric="rows", status=Status.INSUFFICIENT_DATA)
    text = told(attention_of([alone, *LATE, *worst], 3), 2)
    assert re.findall(r"\bd\d", text) == ["d1", "d2"]
    assert text.index("d2") < text.index("15 measurements of performance")
    assert text.endswith("1 measurement of quality lacks data")


def test_reasons_are_no_list_without_end() -> None:
    many = [
        Measurement(
            check="drift", metric="ks", status=Status.INSUFFICIENT_DATA, detail={"reason": f"{n}"}
        )
        for n in range(40)
    ]
    text = told(attention_of(many, 5))
    assert text.count("measurement of drift lacks data") == 10
    assert text.endswith("30 others lack data for other reasons.")


def test_nothing_asks_for_attention() -> None:
    assert told(Attention()) == "Nothing asks for attention."
