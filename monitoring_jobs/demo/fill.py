"""Fill a stack that runs elsewhere with the demo's models and traffic.

``python -m monitoring_jobs.demo.fill s3://monitoring/predictions`` trains and registers the sample
models in the MLflow server that MLFLOW_TRACKING_URI names, and uploads two weeks of their
predictions up to yesterday. What is there already stays as it is: a second run changes nothing, and
one on a later day adds the days that have passed since. After two weeks the traffic begins anew,
faults included.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from monitoring_jobs.demo.faults import DAYS_OF_TRAFFIC, MONITORS
from monitoring_jobs.demo.uploads import Logs
from monitoring_jobs.errors import InvalidSettings, MonitoringError, TerminalError
from monitoring_jobs.tracking.server import Server

if TYPE_CHECKING:
    from monitoring_jobs.demo.models import Recipe

# Tag of a registered model: tells ours from the team's own, and a finished one from a torn one.
MARK = "monitoring_demo"
_BEGUN, _FINISHED = "begun", "finished"

Say = Callable[[str], None]


def fill(url: str, tracking_uri: str, last_day: date, say: Say) -> bool:
    """Make the demo's models and traffic as far as they are not there.

    Args:
        url: Where the prediction logs go: an fsspec URL.
        tracking_uri: The MLflow server.
        last_day: The newest day of traffic.
        say: Told in one line what each step did.

    Returns:
        Whether anything was missing.

    Raises:
        MonitoringError: A service refuses or does not answer, or a model of the demo's name is not
            the demo's.
    """
    # Before the training, whose work would be for nothing.
    logs = Logs(url)
    server = Server(tracking_uri, timeout_seconds=None, retries=None)
    with _silence():
        from monitoring_jobs.demo.models import RECIPES

        changed = [_register(server, recipe, say) for recipe in RECIPES]
        first_day = _first_day(logs, last_day)
        changed += [_upload(logs, recipe, first_day, last_day, say) for recipe in RECIPES]
    return any(changed)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep MLflow from talking of every run and version; what fails is raised."""
    talk = io.StringIO()
    with (
        contextlib.redirect_stdout(talk),
        contextlib.redirect_stderr(talk),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield


def _register(server: Server, recipe: Recipe, say: Say) -> bool:
    """Train the versions of a model that are not registered; return whether there were any."""
    found = server.ask("search_registered_models", filter_string=f"name = '{recipe.name}'")
    if found and MARK not in found[0].tags:
        raise TerminalError(
            f"MLflow at {server.address} has a model {recipe.name} that the demo has not made",
            "leave it alone, and fill another MLflow",
        )
    if found and found[0].tags[MARK] == _FINISHED:
        say(f"{recipe.name}: registered in MLflow at {server.address} already")
        return False
    if not found:
        server.ask("create_registered_model", recipe.name, tags={MARK: _BEGUN})
    newest = server.call(lambda: _train(recipe, server.address))
    server.ask("set_registered_model_tag", recipe.name, MARK, _FINISHED)
    say(f"{recipe.name}: trained, and registered in MLflow at {server.address} as version {newest}")
    return True


def _train(recipe: Recipe, address: str) -> str:
    import mlflow

    from monitoring_jobs.demo.models import ALIAS, train

    mlflow.set_tracking_uri(address)
    client = mlflow.MlflowClient(address, address)
    # A run that was killed leaves what it had finished.
    train(recipe, first=1 + len(_versions(client, recipe.name)))
    newest = str(max(_versions(client, recipe.name)))
    client.set_registered_model_alias(recipe.name, ALIAS, newest)
    return newest


def _versions(client: object, name: str) -> list[int]:
    found = client.search_model_versions(f"name = '{name}'")  # type: ignore[attr-defined]
    return [int(version.version) for version in found if version.status == "READY"]


def _first_day(logs: Logs, last_day: date) -> date:
    """Return where the traffic begins: with what is there, or two weeks before its last day."""
    there = [day for name in MONITORS for day in logs.days(name)]
    return min(there, default=last_day - timedelta(days=DAYS_OF_TRAFFIC - 1))


def _upload(logs: Logs, recipe: Recipe, first_day: date, last_day: date, say: Say) -> bool:
    """Upload the days of a model's traffic that are missing; return whether there were any."""
    from monitoring_jobs.demo.models import fit
    from monitoring_jobs.demo.traffic import write_day

    span = (first_day + timedelta(days=n) for n in range((last_day - first_day).days + 1))
    there = logs.days(recipe.name)
    missing = [day for day in span if day not in there]
    place = f"{logs.url}/{recipe.name}"
    if not missing:
        say(f"{recipe.name}: predictions up to {last_day} are in {place} already")
        return False
    model = fit(recipe)
    rows = 0
    for day in missing:  # the oldest first: it is what a later run goes by
        with tempfile.TemporaryDirectory() as folder:
            days_ago = DAYS_OF_TRAFFIC - (day - first_day).days % DAYS_OF_TRAFFIC
            rows += write_day(model, Path(folder), day, days_ago)
            logs.put(Path(folder))
    say(f"{recipe.name}: {len(missing)} days with {rows:,} predictions written to {place}")
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; return 0, 1 failed, 2 bad settings, 130 for ^C."""
    parser = argparse.ArgumentParser(prog="python -m monitoring_jobs.demo.fill")
    parser.description = "Put the demo's models into MLflow and its predictions below URL."
    parser.add_argument("url", metavar="URL", help="such as s3://monitoring/predictions")
    url = parser.parse_args(arguments).url
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # the image has no git
    try:
        tracking_uri = os.environ.get("MLFLOW_TRACKING_URI")
        if not tracking_uri:
            raise InvalidSettings("no MLflow server is named", "set MLFLOW_TRACKING_URI")
        yesterday = datetime.now(UTC).date() - timedelta(days=1)
        out = sys.stdout  # fill leads MLflow's talk elsewhere
        changed = fill(url, tracking_uri, yesterday, lambda line: print(line, file=out, flush=True))
    except MonitoringError as exc:
        sys.stderr.write(f"demo: {exc}\n")
        return 2 if isinstance(exc, InvalidSettings) else 1
    except KeyboardInterrupt:
        sys.stderr.write("demo: interrupted; run it again, and it goes on where it was\n")
        return 130
    print("The demo is in place." if changed else "Everything was in place; nothing was changed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
