"""Real services for as long as a section needs them; the tests' own, ended by the process' id."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.benchmarks.processes import Command, run


@contextmanager
def results_database() -> Iterator[str]:
    """Yield the URL of a new, migrated database on an embedded Postgres (``fsync`` off)."""
    from tests.fixtures.postgres import running_server

    with running_server() as server:
        url = server.url(server.create_database())
        migrate(url)
        yield url


@contextmanager
def results_databases() -> Iterator[Iterator[str]]:
    """Yield as many new, migrated databases of one server as are asked for."""
    from tests.fixtures.postgres import running_server

    with running_server() as server:
        template = server.create_database()
        migrate(server.url(template))

        def databases() -> Iterator[str]:
            while True:
                name = server.create_database(template=template)
                yield server.url(name)
                server.drop_database(name)

        yield databases()


def migrate(url: str) -> None:
    """Bring a database to our schema, in a process of its own."""
    run(Command(["-m", "monitoring_jobs", "migrate"], {"MONITORING_DATABASE_URL": url}))
