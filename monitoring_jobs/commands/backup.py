"""The commands backup and restore."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from monitoring_jobs.console import plain, progress

if TYPE_CHECKING:
    from monitoring_jobs.backup import Manifest

_MEBIBYTE = 1 << 20


def backup(
    target: Annotated[
        str, typer.Argument(metavar="FILE.tar", help="What to write; - is standard output.")
    ],
) -> None:
    """Write databases and report store into one file; jobs may go on meanwhile."""
    from monitoring_jobs.backup import backup as write_backup
    from monitoring_jobs.settings import Settings

    with progress("backup") as told:
        manifest = write_backup(Settings.load(), target, told)
    _show(manifest, "backed up", err=target == "-")


def restore(
    source: Annotated[
        str, typer.Argument(metavar="FILE.tar", help="What to read; - is standard input.")
    ],
    *,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Lose the rows that are there, overwrite files."),
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this database or store. Repeatable."),
    ] = None,
) -> None:
    """Put databases and report store back, after the whole file has been checked."""
    from monitoring_jobs.backup import restore as read_backup
    from monitoring_jobs.settings import Settings

    with progress("restore") as told:
        manifest = read_backup(Settings.load(), source, told, replace=replace, only=only or ())
    _show(manifest, "restored", err=False)


def _show(manifest: Manifest, done: str, *, err: bool) -> None:
    for name, one in manifest.databases.items():
        revision = f", schema {one.revision}" if one.revision else ""
        size = one.dump_bytes / _MEBIBYTE
        typer.echo(
            f"database {plain(name)}: {done}, {size:,.1f} MiB"
            f" of Postgres {plain(one.server)}{plain(revision)}",
            err=err,
        )
    for name, store in manifest.stores.items():
        size = store.size_bytes / _MEBIBYTE
        typer.echo(f"store {plain(name)}: {done}, {store.files:,} files, {size:,.1f} MiB", err=err)
    version = plain(manifest.code_version)
    typer.echo(f"as of {plain(manifest.began)}, by monitoring-jobs {version}", err=err)
