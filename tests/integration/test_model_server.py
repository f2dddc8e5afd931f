"""The model server that dashboards and rules are tried on counts what it serves, as reserved."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator, Mapping

import pytest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.parser import text_string_to_metric_families

from monitoring_jobs.metrics import RESERVED
from tests.fixtures.model_server import ModelServer, model_server

_REQUESTS = 30


@pytest.fixture(scope="module")
def asked() -> Iterator[tuple[Mapping[int, int], Mapping[str, Family]]]:
    """How the requests ended, and what a scrape shows afterwards."""
    with model_server() as server:
        sent = server.traffic(_REQUESTS, slow_seconds=0.1)
        yield sent, _families(server)


def test_it_exposes_every_reserved_name_with_its_type_and_labels(
    asked: tuple[Mapping[int, int], Mapping[str, Family]],
) -> None:
    _, families = asked
    found = {
        (family.name, family.type, frozenset(sample.labels) - {"le"})
        for family in families.values()
        for sample in family.samples
        if not sample.name.endswith("_created")
    }

    assert found == {
        (metric.name.removesuffix("_total"), str(metric.kind), frozenset(metric.labels))
        for metric in RESERVED.values()
    }


def test_it_counts_the_requests_that_came_by_how_they_ended(
    asked: tuple[Mapping[int, int], Mapping[str, Family]],
) -> None:
    sent, families = asked

    assert sum(sent.values()) == _REQUESTS
    assert set(sent) == {200, 400, 404, 422, 500}
    for name in ("api_requests", "http_requests"):
        assert _totals(families[name], "status") == {
            str(status): count for status, count in sent.items()
        }


def test_it_counts_predictions_by_version_and_none_that_a_client_got_wrong(
    asked: tuple[Mapping[int, int], Mapping[str, Family]],
) -> None:
    sent, families = asked
    predictions = families["mlflow_predictions"]

    assert _totals(predictions, "status") == {"success": sent[200], "error": sent[500]}
    assert set(_totals(predictions, "model_version")) == {"1", "2"}


def _families(server: ModelServer) -> Mapping[str, Family]:
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def _totals(family: Family, label: str) -> Mapping[str, float]:
    totals: dict[str, float] = {}
    for sample in family.samples:
        if sample.name.endswith("_total"):
            key = sample.labels[label]
            totals[key] = totals.get(key, 0) + sample.value
    return totals
