"""A report store in object storage opens by a connection alone, as the API server opens it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import fsspec
import pytest

from monitoring_jobs.connection_urls import storage_options
from monitoring_jobs.reports.store import ReportStore
from tests.fixtures.evaluations import DAY, make_evaluation
from tests.fixtures.object_storage import Bucket


@dataclass(frozen=True)
class Connection:
    extra_dejson: dict[str, Any]
    conn_id: str | None = "monitoring_object_storage"
    conn_type: str | None = "aws"
    host: str | None = None
    schema: str | None = None
    login: str | None = "test"
    password: str | None = field(default="test", repr=False)
    port: int | None = None


def test_connection_opens_a_store_without_the_environment(
    s3_bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ENDPOINT_URL", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "DEFAULT_REGION"):
        monkeypatch.delenv(f"AWS_{name}")
    extra = {"endpoint_url": s3_bucket.endpoint, "region_name": "us-east-1"}
    scheme, options = storage_options(Connection(extra))
    monkeypatch.setitem(fsspec.config.conf, scheme, options)
    store = ReportStore.open(f"{s3_bucket.url}/reports")
    store.put(make_evaluation(), "<html>kept</html>")
    assert store.report_html("wine_quality", DAY) == "<html>kept</html>"
