"""Connections become what drivers read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from monitoring_jobs.connection_urls import database_url, storage_options
from monitoring_jobs.errors import InvalidSettings


@dataclass(frozen=True)
class Fields:
    conn_id: str | None = "a_connection"
    conn_type: str | None = None
    host: str | None = None
    schema: str | None = None
    login: str | None = None
    password: str | None = None
    port: int | None = None
    extra_dejson: Mapping[str, Any] = field(default_factory=dict)


def test_user_and_password_are_escaped() -> None:
    fields = Fields(
        conn_type="postgres", host="db", login="a@b", password="p/w:d", schema="results", port=5433
    )
    assert database_url(fields) == "postgresql+psycopg2://a%40b:p%2Fw%3Ad@db:5433/results"


def test_connection_without_a_type_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="a_connection"):
        database_url(Fields(host="db"))


@pytest.mark.parametrize(
    ("fields", "scheme", "options"),
    [
        (
            Fields(
                conn_type="aws",
                login="key",
                password="secret",
                extra_dejson={"endpoint_url": "http://s3", "region_name": "eu-central-1"},
            ),
            "s3",
            {
                "key": "key",
                "secret": "secret",
                "endpoint_url": "http://s3",
                "client_kwargs": {"region_name": "eu-central-1"},
            },
        ),
        (Fields(conn_type="aws"), "s3", {}),
        (
            Fields(conn_type="google_cloud_platform", extra_dejson={"key_path": "/key.json"}),
            "gs",
            {"token": "/key.json"},
        ),
        (
            Fields(conn_type="wasb", login="account", extra_dejson={"sas_token": "sas"}),
            "abfs",
            {"account_name": "account", "sas_token": "sas"},
        ),
    ],
)
def test_object_store_logs_in_by_its_connection(
    fields: Fields, scheme: str, options: dict[str, Any]
) -> None:
    assert storage_options(fields) == (scheme, options)


def test_connection_of_no_object_store_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="'a_connection' is of type 'ftp'"):
        storage_options(Fields(conn_type="ftp"))
