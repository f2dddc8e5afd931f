"""Which columns are judged: the file's lists, the model's signature, the reference."""

from __future__ import annotations

import pytest

from monitoring_jobs.errors import TerminalError
from monitoring_jobs.features import choose_features, probability_columns
from monitoring_jobs.spec import MonitorSpec

REFERENCE = {
    "alcohol": "numerical",
    "region": "categorical",
    "ts": "datetime",
    "label": "categorical",
    "prediction": "categorical",
    "vector": "other",
}


def spec(**overrides: object) -> MonitorSpec:
    return MonitorSpec.model_validate(
        {
            "name": "wine",
            "data": {"source": "parquet", "path": "log.parquet", "timestamp": "ts"},
            "reference": {"source": "parquet", "path": "reference.parquet"},
            **overrides,
        }
    )


def test_the_files_lists_win_over_signature_and_reference():
    monitor = spec(columns={"numerical": ["alcohol"], "categorical": ["code"]})
    features = choose_features(monitor, REFERENCE, {"region": "categorical"})
    assert features.inputs == {"alcohol": "numerical", "code": "categorical"}


def test_the_signature_supplies_the_features_when_the_file_lists_none():
    features = choose_features(spec(), REFERENCE, {"region": "categorical"})
    assert features.inputs == {"region": "categorical"}


def test_without_lists_and_signature_the_reference_supplies_them_without_roles():
    monitor = spec(task="classification", columns={"prediction": "prediction", "target": "label"})
    features = choose_features(monitor, REFERENCE, None)
    assert features.inputs == {"alcohol": "numerical", "region": "categorical"}
    assert features.outputs == {"prediction": "categorical"}


def test_a_regressions_prediction_is_judged_as_a_number():
    monitor = spec(task="regression", columns={"prediction": "prediction"})
    assert choose_features(monitor, REFERENCE, None).outputs == {"prediction": "numerical"}


def test_a_prediction_that_is_listed_as_a_feature_is_judged_once():
    monitor = spec(columns={"categorical": ["prediction"], "prediction": "prediction"})
    features = choose_features(monitor, REFERENCE, None)
    assert features.all == {"prediction": "categorical"}


def test_nothing_to_judge_is_one_clear_line():
    with pytest.raises(TerminalError, match=r"monitor 'wine': no column .*columns\.numerical"):
        choose_features(spec(), {"ts": "datetime"}, None)


@pytest.mark.parametrize(
    ("written", "expected"),
    [(None, {}), ("score", {"": "score"}), ({"red": "p_red"}, {"red": "p_red"})],
)
def test_probability_columns_by_class(written, expected):
    columns = spec(task="classification", columns={"probability": written}).columns
    assert probability_columns(columns) == expected
