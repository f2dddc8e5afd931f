"""The stack by hand: ``python -m tests.stack up --profile celery``, ``exec``, ``down``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from tests.stack.assembly import Assembly
from tests.stack.errors import StackError
from tests.stack.images import PROJECT
from tests.stack.rendered import render


def main() -> int:
    """Do what is asked; errors are one line."""
    options = _options(sys.argv[1:])
    environment = {}
    if options.worker or "celery" in options.profile:
        environment["AIRFLOW_EXECUTOR"] = os.environ.get("AIRFLOW_EXECUTOR", "CeleryExecutor")
    try:
        profiles = [*options.profile, "operations"]
        stack = render(options.file, profiles, environment)
        assembly = Assembly(stack, options.state, {"airflow-worker": options.worker or 1})
        return _ACTIONS[options.action](assembly, options.words)
    except StackError as exc:
        sys.stderr.write(f"error: {exc}\n")
        return 1


def _up(assembly: Assembly, words: list[str]) -> int:
    assembly.up(words)
    return _ps(assembly, [])


def _down(assembly: Assembly, _words: list[str]) -> int:
    assembly.down()
    return 0


def _reset(assembly: Assembly, _words: list[str]) -> int:
    assembly.down(volumes=True)
    return 0


def _ps(assembly: Assembly, _words: list[str]) -> int:
    for container in assembly.containers():
        state = "running" if container.runs() else f"ended with {container.exit_code}"
        health = {True: "healthy", False: "unhealthy", None: ""}
        well = health[container.healthy()] if container.runs() else ""
        sys.stdout.write(f"{container.name:36} {state:16} {well}\n")
    return 0


def _exec(assembly: Assembly, words: list[str]) -> int:
    service, *command = words
    return assembly.container(service).execute(*command, capture_output=False).returncode


def _logs(assembly: Assembly, words: list[str]) -> int:
    for container in assembly.containers():
        if not words or container.service.name in words:
            text = container.log.read_text(errors="replace")
            sys.stdout.write(f"--- {container.name}\n{text}\n")
    return 0


def _run(assembly: Assembly, words: list[str]) -> int:
    return assembly.run(words[0], words[1:] or None)


_ACTIONS = {
    "up": _up,
    "down": _down,
    "reset": _reset,
    "ps": _ps,
    "exec": _exec,
    "logs": _logs,
    "run": _run,
}


def _options(arguments: list[str]) -> argparse.Namespace:
    """Read the command line; what follows a double dash is left as it is."""
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    parser = argparse.ArgumentParser(prog="python -m tests.stack", description=__doc__)
    parser.add_argument("action", choices=sorted(_ACTIONS))
    parser.add_argument("--file", type=Path, default=PROJECT / "docker" / "compose.yaml")
    parser.add_argument("--state", type=Path, default=Path("/tmp/monitoring-stack"))
    parser.add_argument("--profile", action="append", default=[])
    parser.add_argument("--worker", type=int, default=0, help="replicas of airflow-worker")
    parser.add_argument("words", nargs="*", help="services; for exec and run: SERVICE -- COMMAND")
    options = parser.parse_intermixed_args(arguments[:cut])
    options.words += arguments[cut + 1 :]
    return options


if __name__ == "__main__":
    raise SystemExit(main())
