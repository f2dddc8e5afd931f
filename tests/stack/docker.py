"""A stand-in for ``docker compose``: the part of its command line that our own commands use.

Where the stack's state lies is told by ``STACK_STATE``. What is not known is refused.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import REMAINDER, ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.stack.assembly import Assembly
from tests.stack.errors import StackError
from tests.stack.rendered import render
from tests.stack.services import Container

VERSION = "2.40.0-stand-in"
# An engine keeps what an earlier command chose; these services may be there whatever is chosen now.
_EVERY_PROFILE = ("celery", "demo", "mail", "operations")


def main(words: list[str]) -> int:
    """Do what the words say; complaints are one line on standard error."""
    if words[:1] != ["compose"]:
        sys.stderr.write(f"docker: the stand-in knows only compose, not {' '.join(words[:1])}\n")
        return 1
    options = _parser().parse_args(words[1:])
    if options.verb == "version":
        sys.stdout.write(f"Docker Compose version v{VERSION}\n")
        return 0
    try:
        return _VERBS[options.verb](options)
    except StackError as exc:
        sys.stderr.write(f"{exc}\n")
        return 1


def _assembly(options: Namespace, profiles: tuple[str, ...] | None = None) -> Assembly:
    state = os.environ.get("STACK_STATE")
    if not state:
        raise StackError("STACK_STATE is not set: it names the folder of the stack's state")
    chosen = tuple(options.profile) if profiles is None else profiles
    stack = render(options.file, chosen)
    scale = dict(part.split("=") for part in getattr(options, "scale", []))
    return Assembly(stack, Path(state), {name: int(number) for name, number in scale.items()})


def _up(options: Namespace) -> int:
    assembly = _assembly(options)
    assembly.up(options.services, wait=options.wait)
    return 0


def _down(options: Namespace) -> int:
    _assembly(options, _EVERY_PROFILE).down(volumes=options.volumes)
    return 0


def _ps(options: Namespace) -> int:
    for container in _assembly(options, _EVERY_PROFILE).containers():
        if container.started and (options.all or container.runs()):
            sys.stdout.write(json.dumps(_described(container)) + "\n")
    return 0


def _described(container: Container) -> Mapping[str, object]:
    runs = container.runs()
    health = container.healthy() if runs else None
    ports = container.service.ports if runs else ()
    return {
        "Name": container.name,
        "Service": container.service.name,
        "Image": container.service.image,
        "State": "running" if runs else "exited",
        "Health": {True: "healthy", False: "unhealthy", None: ""}[health],
        "ExitCode": 0 if runs else container.exit_code,
        "Publishers": [
            {"URL": p.address, "TargetPort": p.port, "PublishedPort": p.host, "Protocol": "tcp"}
            for p in ports
        ],
    }


def _exec(options: Namespace) -> int:
    container = _assembly(options, _EVERY_PROFILE).container(options.service)
    return container.execute(*options.words, capture_output=False).returncode


def _run(options: Namespace) -> int:
    # Naming a service chooses its profile, as with an engine.
    assembly = _assembly(options, _EVERY_PROFILE)
    return assembly.run(options.service, options.words or None, dependencies=not options.no_deps)


def _logs(options: Namespace) -> int:
    for container in _assembly(options, _EVERY_PROFILE).containers():
        if not options.services or container.service.name in options.services:
            lines = (
                container.log.read_text(errors="replace").splitlines()
                if container.log.exists()
                else []
            )
            kept = lines if options.tail in (None, "all") else lines[-int(options.tail) :]
            sys.stdout.writelines(f"{container.name}  | {line}\n" for line in kept)
    return 0


def _chosen(options: Namespace, assembly: Assembly) -> list[Container]:
    return [
        container
        for container in assembly.containers()
        if container.started
        and (not options.services or container.service.name in options.services)
    ]


def _stop(options: Namespace) -> int:
    assembly = _assembly(options, _EVERY_PROFILE)
    assembly.stop(_chosen(options, assembly))
    return 0


def _start(options: Namespace) -> int:
    assembly = _assembly(options, _EVERY_PROFILE)
    for container in _chosen(options, assembly):
        if not container.runs():
            assembly.start(container)
    return 0


def _restart(options: Namespace) -> int:
    return _stop(options) or _start(options)


def _config(options: Namespace) -> int:
    stack = _assembly(options).stack
    if options.services_only:
        sys.stdout.writelines(f"{name}\n" for name in stack.services)
    elif not options.quiet:
        raise StackError("the stand-in prints no rendering; --quiet and --services it knows")
    return 0


def _nothing(_options: Namespace) -> int:
    """Images are what this machine has: there is nothing to build or to pull."""
    return 0


_VERBS: Mapping[str, Callable[[Namespace], int]] = {
    "up": _up,
    "down": _down,
    "ps": _ps,
    "exec": _exec,
    "run": _run,
    "logs": _logs,
    "stop": _stop,
    "start": _start,
    "restart": _restart,
    "config": _config,
    "build": _nothing,
    "pull": _nothing,
}


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="docker compose", description=__doc__)
    parser.add_argument("-f", "--file", type=Path, default=Path("compose.yaml"))
    parser.add_argument("--profile", action="append", default=[])
    verbs = parser.add_subparsers(dest="verb", required=True)
    made = {name: verbs.add_parser(name) for name in ("version", *_VERBS)}
    for name in ("up", "logs", "stop", "start", "restart"):
        made[name].add_argument("services", nargs="*")
    _flags(made["up"], "-d --detach", "--wait", "--build", "--remove-orphans")
    made["up"].add_argument("--scale", action="append", default=[])
    _flags(made["down"], "-v --volumes", "--remove-orphans")
    _flags(made["ps"], "-a --all")
    made["ps"].add_argument("--format", choices=["json"], required=True)
    _flags(made["logs"], "--no-color", "--no-log-prefix")
    made["logs"].add_argument("-n", "--tail")
    _flags(made["pull"], "--ignore-buildable")
    _flags(made["config"], "-q --quiet")
    made["config"].add_argument("--services", dest="services_only", action="store_true")
    for name in ("exec", "run"):
        _flags(made[name], "-T --no-TTY")
        made[name].add_argument("service")
        made[name].add_argument("words", nargs=REMAINDER)
    _flags(made["run"], "--rm", "--no-deps")
    return parser


def _flags(parser: ArgumentParser, *names: str) -> None:
    for name in names:
        parser.add_argument(*name.split(), action="store_true")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
