"""What a backup holds: the results, the reports, and whatever else the environment names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from monitoring_jobs.database.connection import place_of
from monitoring_jobs.errors import InvalidSettings
from monitoring_jobs.settings import Settings, with_postgres_driver

RESULTS = "monitoring"
REPORTS = "reports"
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")

_NEXT = re.compile(r"[,\s]+(?=[A-Za-z0-9_]+=)")


@dataclass(frozen=True, slots=True)
class Database:
    """A database that is backed up.

    Attributes:
        name: Its name in the archive.
        url: SQLAlchemy or libpq URL, password included.
        schema: Only this schema; None for all of them.
    """

    name: str
    url: str = field(repr=False)
    schema: str | None = None


@dataclass(frozen=True, slots=True)
class Store:
    """A folder or bucket that is backed up.

    Attributes:
        name: Its name in the archive.
        url: Folder or fsspec URL.
    """

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Places:
    """All that a backup holds, in the order in which it is read.

    Attributes:
        databases: The results first.
        stores: The reports first.
    """

    databases: tuple[Database, ...]
    stores: tuple[Store, ...]

    @property
    def names(self) -> list[str]:
        """The names of all."""
        return [*(one.name for one in self.databases), *(one.name for one in self.stores)]

    def only(self, names: Sequence[str]) -> Places:
        """Return the named ones; without names all.

        Raises:
            InvalidSettings: There is no such place.
        """
        known = self.names
        if unknown := [name for name in names if name not in known]:
            raise InvalidSettings(f"--only {unknown[0]}: no such place", f"use {', '.join(known)}")
        if not names:
            return self
        return Places(
            tuple(place for place in self.databases if place.name in names),
            tuple(place for place in self.stores if place.name in names),
        )


def places(settings: Settings) -> Places:
    """Return what the environment says is to be backed up.

    Raises:
        InvalidSettings: No results database is configured, or a list is malformed.
    """
    more = settings.backup_databases
    databases = _named("MONITORING_BACKUP_DATABASES", more.get_secret_value() if more else "")
    stores = _named("MONITORING_BACKUP_STORES", settings.backup_stores or "")
    found = Places(
        (
            Database(RESULTS, settings.require_database_url(), schema="monitoring"),
            *(_further(name, url) for name, url in databases),
        ),
        (Store(REPORTS, settings.report_store), *(Store(name, url) for name, url in stores)),
    )
    for kind, names in (
        ("MONITORING_BACKUP_DATABASES", [place.name for place in found.databases]),
        ("MONITORING_BACKUP_STORES", [place.name for place in found.stores]),
    ):
        if twice := {name for name in names if names.count(name) > 1}:
            raise InvalidSettings(
                f"{kind} names {min(twice)} twice, or as ours", "name it otherwise"
            )
    return found


def _further(name: str, url: str) -> Database:
    found = Database(name, with_postgres_driver(url))
    try:
        place_of(found.url)
    except InvalidSettings:
        raise InvalidSettings(
            f"MONITORING_BACKUP_DATABASES: the URL of {name} is not one of Postgres",
            "write postgresql://user:password@host:port/database, the password percent-encoded",
        ) from None
    return found


def _named(variable: str, text: str) -> list[tuple[str, str]]:
    """Take ``name=place,name=place`` apart; what stands there is a secret and never shown."""
    found = []
    for part in filter(None, _NEXT.split(text.strip())):
        name, equals, place = part.partition("=")
        if not equals or not NAME.fullmatch(name) or not place.strip():
            raise InvalidSettings(
                f"{variable} is malformed", "write name=URL,name=URL with names like mlflow"
            )
        found.append((name, place.strip()))
    return found
