"""Databases and stores out of one file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from monitoring_jobs.backup.manifest import ArchiveRefused, Manifest, SavedDatabase
from monitoring_jobs.backup.places import RESULTS, Places, places
from monitoring_jobs.backup.reading import Archive, verified
from monitoring_jobs.backup.stores import Told, refuse_files, restore_store
from monitoring_jobs.database import SCHEMA_REVISION, migrate
from monitoring_jobs.database.dumps import facts, refuse_losses, refuse_unreadable
from monitoring_jobs.database.dumps import restore as restore_dump
from monitoring_jobs.errors import SchemaMismatch
from monitoring_jobs.settings import Settings


def restore(
    settings: Settings, source: str, told: Told, *, replace: bool, only: Sequence[str] = ()
) -> Manifest:
    """Put databases and stores back; the whole file is checked before anything is changed.

    The stores come first, so that no row refers to a file that is not there; each database is one
    transaction. Where it was ended in between, doing it again with ``replace`` mends everything.

    Args:
        settings: Where everything is.
        source: File, or ``-`` for standard input.
        told: Hears how far it is.
        replace: Rows that are there are lost, files of the same name are overwritten.
        only: Names of databases and stores; none for all that the file holds.

    Returns:
        What the file says of itself, with what was restored.

    Raises:
        ArchiveRefused: The file is damaged, of a later version, or holds what no setting names.
        SchemaMismatch: The results are of a later schema.
        DatabaseRefused: A database has rows, or refuses.
        StoreRefused: A store has files, or refuses.
    """
    with verified(source) as archive:
        found = places(settings).only(only)
        manifest = _of_interest(archive.manifest, found, only)
        _refuse_later(manifest)
        chosen = Places(
            tuple(one for one in found.databases if one.name in manifest.databases),
            tuple(one for one in found.stores if one.name in manifest.stores),
        )
        _refuse_unfit(archive, chosen, replace=replace)
        for store in chosen.stores:
            restore_store(store, archive, archive.files(store.name), told)
        for number, one in enumerate(chosen.databases):
            told(number, len(chosen.databases), f"database {one.name}")
            dump = partial(archive.dump, one.name)
            restore_dump(one.url, one.schema, dump, replace=replace)
            if one.name == RESULTS:
                migrate(one.url)  # what is older is brought up to date, and rights are granted
    return manifest


def _of_interest(manifest: Manifest, found: Places, only: Sequence[str]) -> Manifest:
    """Return the part of a manifest that is to be restored."""
    known = found.names
    held = [*manifest.databases, *manifest.stores]
    if missing := [name for name in only if name not in held]:
        raise ArchiveRefused(f"the backup does not hold {missing[0]}", f"it has {', '.join(held)}")
    if not only and (unknown := [name for name in held if name not in known]):
        variable = "DATABASES" if unknown[0] in manifest.databases else "STORES"
        raise ArchiveRefused(
            f"the backup holds {unknown[0]}, and no setting says where that belongs",
            f"name it in MONITORING_BACKUP_{variable}, or say --only for what is wanted",
        )
    return Manifest(
        manifest.code_version,
        manifest.began,
        manifest.ended,
        {name: one for name, one in manifest.databases.items() if name in known},
        {name: one for name, one in manifest.stores.items() if name in known},
        manifest.format,
    )


def _refuse_later(manifest: Manifest) -> None:
    results = manifest.databases.get(RESULTS)
    if results and results.revision and results.revision > SCHEMA_REVISION:
        raise SchemaMismatch(
            f"the backup's schema is at revision {results.revision}, "
            f"this code knows {SCHEMA_REVISION}",
            f"restore with monitoring-jobs {manifest.code_version} or later",
        )


def _refuse_unfit(archive: Archive, chosen: Places, *, replace: bool) -> None:
    """Find out whatever can be found out before anything is changed."""
    for store in chosen.stores:
        if len(archive.files(store.name)) != archive.manifest.stores[store.name].files:
            raise ArchiveRefused(f"the backup lacks files of {store.name}", "use another one")
    for one in chosen.databases:
        server = facts(one.url)
        _refuse_older_server(one.name, archive.manifest.databases[one.name], server.major)
        what = f"the backup's dump of {one.name}"
        refuse_unreadable(partial(archive.dump, one.name), server.major, what)
        refuse_losses(one.url, one.schema, replace=replace)
    if not replace:
        for store in chosen.stores:
            refuse_files(store)


def _refuse_older_server(name: str, saved: SavedDatabase, major: int) -> None:
    if saved.major > major:
        raise ArchiveRefused(
            f"the backup's database {name} is of Postgres {saved.major}, the server of {major}",
            f"restore into Postgres {saved.major} or later",
        )
