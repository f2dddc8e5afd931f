"""The commands `monitoring-jobs stack ...`: thin over `docker compose`."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from monitoring_jobs.console import plain, show_table
from monitoring_jobs.exits import FAILED

if TYPE_CHECKING:
    from monitoring_jobs.stack.compose import Compose, Container

app = typer.Typer(
    name="stack",
    help="Run the whole stack of docker/compose.yaml, save it and bring it up to date.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

_STYLES = {"healthy": "green", "running": "green", "done": "green", "starting": "yellow"}


@app.command()
def up(
    *,
    celery: Annotated[
        bool, typer.Option("--celery", help="Run tasks on workers, with Redis between.")
    ] = False,
    workers: Annotated[
        int, typer.Option(metavar="N", min=1, help="So many workers, with --celery.")
    ] = 1,
    mail: Annotated[bool, typer.Option("--mail", help="Add a catcher of mails.")] = False,
    demo: Annotated[
        bool, typer.Option("--demo", help="Add the demo's models and two weeks of traffic.")
    ] = False,
) -> None:
    """Start the stack, or what has changed of it; come back when all of it is healthy."""
    from monitoring_jobs.stack import actions

    if workers > 1 and not celery:
        raise typer.BadParameter("--workers goes with --celery")
    compose = _compose()
    actions.up(compose, actions.Shape.asked(celery=celery, workers=workers, mail=mail, demo=demo))
    _show_pages(compose)


@app.command()
def down() -> None:
    """End the stack; what it has stored stays."""
    from monitoring_jobs.stack import actions

    actions.down(_compose())


@app.command()
def status() -> None:
    """Show every container and its health; exit with 1 where one is not well."""
    compose = _compose()
    containers = compose.containers()
    if not containers:
        typer.echo("nothing runs; monitoring-jobs stack up starts it")
        raise typer.Exit(FAILED)
    show_table(
        ("service", "state", "port"),
        [(one.service, _state(one), ", ".join(map(str, one.ports))) for one in containers],
        _STYLES,
    )
    typer.echo(f"What is wrong, and the cure: {compose.shown} run --rm operations doctor")
    if not all(one.well for one in containers):
        raise typer.Exit(FAILED)


@app.command()
def urls() -> None:
    """Show where the pages are, and who may open them."""
    _show_pages(_compose())


@app.command()
def logs(
    services: Annotated[
        list[str] | None, typer.Argument(metavar="SERVICE...", help="Only these.")
    ] = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", help="Go on showing.")] = False,
    tail: Annotated[int, typer.Option(metavar="N", min=0, help="Lines of each container.")] = 200,
) -> None:
    """Show what the containers have written."""
    following = ["--follow"] if follow else []
    with suppress(KeyboardInterrupt):  # how one ends --follow
        _compose().show("logs", f"--tail={tail}", *following, *(services or []))


@app.command()
def reset(*, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """End the stack and remove all that it has stored: databases, reports, artifacts, metrics."""
    from monitoring_jobs.stack import actions

    compose = _compose()
    if not yes and not _confirmed("Remove databases, reports, artifacts and metrics for good?"):
        typer.echo("nothing was removed", err=True)
        raise typer.Exit(FAILED)
    actions.down(compose, volumes=True)


@app.command()
def backup(
    target: Annotated[
        str, typer.Argument(metavar="FILE.tar", help="What to write; - is standard output.")
    ],
) -> None:
    """Write databases, reports and artifacts into one file of this host."""
    from monitoring_jobs.stack import actions

    actions.backup(_compose(), target)


@app.command()
def restore(
    source: Annotated[str, typer.Argument(metavar="FILE.tar", help="What to read.")],
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="Lose the rows that are there, overwrite files.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this database or store. Repeatable."),
    ] = None,
) -> None:
    """Put databases, reports and artifacts back; Airflow and MLflow rest meanwhile."""
    from monitoring_jobs.stack import actions

    actions.restore(_compose(), source, replace=replace, only=only or ())


@app.command()
def upgrade(
    *,
    pull: Annotated[
        bool, typer.Option("--pull", help="Fetch the images that are not built here.")
    ] = False,
    save: Annotated[
        str | None, typer.Option("--backup", metavar="FILE.tar", help="Make a backup first.")
    ] = None,
) -> None:
    """Bring a running stack to the version of this clone: build, migrate, then restart."""
    from monitoring_jobs.stack import actions

    compose = _compose()
    if save is None:
        typer.echo("without a backup; --backup FILE.tar makes one first", err=True)
    else:
        actions.backup(compose, save)
    actions.upgrade(compose, pull=pull)


@app.command()
def rotate(
    name: Annotated[
        str,
        typer.Argument(metavar="WHAT", help="A role of Postgres, airflow-admin or grafana-admin."),
    ],
) -> None:
    """Replace a password in its service, in docker/.env and in whatever uses it."""
    from monitoring_jobs.stack.rotation import rotate as replace_password

    login = replace_password(_compose(), name)
    typer.echo(f"{name} has a new password")
    if login is not None:
        typer.echo(f"user {plain(login[0])}, password {plain(login[1])}")


def _confirmed(question: str) -> bool:
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:  # nobody is there to answer
        return False


def _compose() -> Compose:
    from monitoring_jobs.stack.compose import Compose

    return Compose.find()


def _state(container: Container) -> str:
    if container.state == "running":
        return container.health or "running"
    if container.state == "exited":
        return "done" if container.well else f"ended with {container.exit_code}"
    return container.state


def _show_pages(compose: Compose) -> None:
    from monitoring_jobs.stack.places import pages

    running = [one.service for one in compose.containers() if one.state == "running"]
    found = pages(compose.environment, running)
    if not found:
        typer.echo("nothing runs; monitoring-jobs stack up starts it")
        raise typer.Exit(FAILED)
    width = max(len(label) for label, _ in found) + 2
    for label, place in found:
        typer.echo(f"{label.ljust(width)}{plain(place)}")
