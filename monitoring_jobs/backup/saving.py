"""Databases and stores as one file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from monitoring_jobs import __version__
from monitoring_jobs.backup.manifest import Manifest, SavedDatabase
from monitoring_jobs.backup.places import Database, places
from monitoring_jobs.backup.stores import Told, require_store, save_store
from monitoring_jobs.backup.writing import Writer, output_to
from monitoring_jobs.database.dumps import Facts, dumped, facts
from monitoring_jobs.settings import Settings


def backup(settings: Settings, target: str, told: Told) -> Manifest:
    """Write databases and stores into one file; jobs may go on meanwhile.

    The databases come first, each as of one moment: a row refers only to files that are finished,
    so whatever the rows name is still there when the stores are copied.

    Args:
        settings: Where everything is.
        target: File, or ``-`` for standard output.
        told: Hears how far it is.

    Returns:
        What the file holds.

    Raises:
        MissingDependency: pg_dump is missing, or older than a server.
        DatabaseUnavailable: A database does not answer.
        DatabaseRefused: A database refuses this user.
        StoreUnavailable: A store does not answer.
        StoreRefused: A store is not there.
        BackupFailed: The file cannot be written.
    """
    found = places(settings)
    # Before the work, not after it.
    for store in found.stores:
        require_store(store)
    servers = {one.name: facts(one.url) for one in found.databases}
    began = _now()
    with output_to(target) as output:
        writer = Writer(output)
        databases = _save_databases(found.databases, servers, writer, told)
        stores = {one.name: save_store(one, writer, told) for one in found.stores}
        manifest = Manifest(__version__, began, _now(), databases, stores)
        writer.finish(manifest)
    return manifest


def _save_databases(
    databases: tuple[Database, ...], servers: Mapping[str, Facts], writer: Writer, told: Told
) -> dict[str, SavedDatabase]:
    saved = {}
    for number, one in enumerate(databases):
        server = servers[one.name]
        told(number, len(databases), f"database {one.name}")
        with dumped(one.url, one.schema, server.major) as dump:
            length = writer.add_dump(one.name, dump)
        revision = server.revision if one.schema else None
        saved[one.name] = SavedDatabase(
            server.version, server.major, revision, server.size_bytes, length
        )
    return saved


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
