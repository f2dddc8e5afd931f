"""The plugin below a path prefix, with connections that are made while the API server runs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest

from tests.plugins.conftest import CANARY, ApiServer, Results, api_server

PREFIX = "/airflow"


class References(HTMLParser):
    """What a page links to or loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.linked: set[str] = set()
        self.loaded: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                (self.linked if tag == "a" else self.loaded).add(value)


@pytest.fixture(scope="module")
def unconfigured(
    migrated_home: Path, results: Results, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiServer]:
    """An API server that knows the report store, and no database."""
    home = tmp_path_factory.mktemp("prefixed") / "home"
    shutil.copytree(migrated_home, home)
    with api_server(
        home,
        PREFIX,
        AIRFLOW__API__BASE_URL=f"http://localhost{PREFIX}",
        MONITORING_REPORT_STORE=str(results.store),
    ) as server:
        yield server


@pytest.fixture(scope="module")
def prefixed(unconfigured: ApiServer, results: Results) -> ApiServer:
    """The same server, once somebody has made the connection in Airflow, and mended it."""
    refused = unconfigured.page("", "admin")
    assert refused.status == 503, "nothing is configured yet"
    assert "MONITORING_READER_URL" in refused.text
    assert "monitoring_postgres_reader" in refused.text
    connection = {
        "connection_id": "monitoring_postgres_reader",
        "conn_type": "postgres",
        "login": "monitoring_reader",
        "password": CANARY,
        "schema": "no_such_database",
        "extra": json.dumps({"host": str(results.postgres.sockets)}),
    }
    connections = f"{PREFIX}/api/v2/connections"
    made = unconfigured.ask(connections, "admin", method="POST", document=connection)
    assert made.status == 201, made.text
    assert unconfigured.page("", "admin").status == 503, "the wrong database"
    database = results.writer.rpartition("/")[2].partition("?")[0]
    mended = unconfigured.ask(
        f"{connections}/monitoring_postgres_reader",
        "admin",
        method="PATCH",
        document=connection | {"schema": database},
    )
    assert mended.status == 200, mended.text
    return unconfigured


def test_f61_without_a_database_the_cure_is_named_and_airflow_stays(
    unconfigured: ApiServer, prefixed: ApiServer
) -> None:
    assert unconfigured.ask(f"{PREFIX}/").status == 200
    # The connection made and mended since is found without a restart.
    assert prefixed.page("", "admin").status == 200


def test_pages_and_what_they_load_stay_below_the_prefix(
    prefixed: ApiServer, results: Results
) -> None:
    for path in ("", "evaluations", "monitors/wine_quality", f"evaluations/{results.wine.id}"):
        page = prefixed.page(path, "admin")
        assert page.status == 200, path
        base = f"http://127.0.0.1:{prefixed.port}{PREFIX}/monitoring/{path}"
        references = References(page.text)
        for reference in references.linked | references.loaded:
            address = urlsplit(urljoin(base, reference))
            ours = address.port == prefixed.port
            assert not ours or address.path.startswith(f"{PREFIX}/"), reference
        for reference in references.loaded:
            assert not urlsplit(reference).netloc, "no assets from a network"
            loaded = urlsplit(urljoin(base, reference)).path
            assert prefixed.ask(loaded, "admin").status == 200, reference


def test_pages_that_are_linked_are_there(prefixed: ApiServer, results: Results) -> None:
    base = f"http://127.0.0.1:{prefixed.port}{PREFIX}/monitoring/"
    linked = References(prefixed.page("", "admin").text).linked
    ours = {urlsplit(urljoin(base, link)) for link in linked}
    pages = {link.path for link in ours if link.path.startswith(f"{PREFIX}/monitoring/")}
    assert f"{PREFIX}/monitoring/monitors/{results.wine.monitor}" in pages
    assert {path: prefixed.ask(path, "admin").status for path in pages} == dict.fromkeys(pages, 200)


def test_f63_password_of_the_connection_is_in_no_log(prefixed: ApiServer) -> None:
    assert prefixed.page("", "admin").status == 200
    assert CANARY not in prefixed.log.read_text()
