"""A compose file as podman-compose renders it for a choice of profiles, read into values."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.stack.composed import Dependency, Health, Mount, Published, Service, Stack, Tmpfs
from tests.stack.errors import StackError

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_BYTES = {"b": 1, "k": 1024, "kb": 1024, "m": 1024**2, "mb": 1024**2, "g": 1024**3, "gb": 1024**3}
# Walked, or without meaning for what is proved here (build, logging, labels: read by other tests).
_KNOWN = frozenset(
    {
        "build",
        "cap_drop",
        "command",
        "container_name",
        "cpus",
        "depends_on",
        "deploy",
        "entrypoint",
        "environment",
        "expose",
        "healthcheck",
        "hostname",
        "image",
        "init",
        "labels",
        "logging",
        "mem_limit",
        "mem_reservation",
        "networks",
        "pids_limit",
        "ports",
        "profiles",
        "pull_policy",
        "read_only",
        "restart",
        "secrets",
        "security_opt",
        "shm_size",
        "stop_grace_period",
        "stop_signal",
        "tmpfs",
        "user",
        "volumes",
        "working_dir",
    }
)


def render(
    file: Path, profiles: Iterable[str] = (), environment: Mapping[str, str] | None = None
) -> Stack:
    """Return the services of a compose file that some profiles choose.

    Raises:
        StackError: It cannot be rendered, or says what the walker does not know.
    """
    shell = {**os.environ, **(environment or {})}
    text = _rendering(file, tuple(profiles), shell)
    return read(yaml.load(text, Loader=yaml.CSafeLoader), file)


def _rendering(file: Path, profiles: Sequence[str], shell: Mapping[str, str]) -> str:
    """Return what podman-compose prints; it takes seconds, so the same is not asked for twice."""
    source = file.read_text(encoding="utf-8")
    variables = sorted((name, shell.get(name)) for name in set(re.findall(r"\$\{(\w+)", source)))
    with contextlib.suppress(OSError):
        source += file.with_name(".env").read_text(encoding="utf-8")
    key = hashlib.sha256(repr((str(file), source, profiles, variables)).encode()).hexdigest()
    # It holds the passwords of .env: nobody else may read it.
    folder = Path(tempfile.gettempdir()) / f"monitoring-rendered-{os.geteuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    kept = folder / f"{key}.yaml"
    with contextlib.suppress(OSError):
        return kept.read_text(encoding="utf-8")
    # Dry: rendering needs no engine, and there is none.
    chosen = [part for name in profiles for part in ("--profile", name)]
    program = Path(sys.executable).with_name("podman-compose")
    command = [str(program), "--dry-run", "-f", str(file), *chosen, "config"]
    done = subprocess.run(command, capture_output=True, text=True, env=shell, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise StackError(f"{file}: podman-compose cannot render it: {last}")
    fresh = kept.with_suffix(f".{os.getpid()}")
    fresh.write_text(done.stdout, encoding="utf-8")
    fresh.replace(kept)
    return done.stdout


def read(document: Mapping[str, Any], file: Path) -> Stack:
    """Return a rendered document as values; paths in it are relative to its file."""
    folder = file.resolve().parent
    secrets = {
        name: _path(folder, entry["file"]) for name, entry in document.get("secrets", {}).items()
    }
    volumes = set(document.get("volumes") or {})
    services = {
        name: _service(name, entry, folder, secrets, volumes)
        for name, entry in document["services"].items()
    }
    networks = document.get("networks") or {"default": {}}
    internal = {name: bool((entry or {}).get("internal")) for name, entry in networks.items()}
    return Stack(document.get("name") or folder.name, file, services, internal)


def _service(
    name: str,
    entry: Mapping[str, Any],
    folder: Path,
    secrets: Mapping[str, Path],
    volumes: set[str],
) -> Service:
    if unknown := sorted(entry.keys() - _KNOWN):
        raise StackError(f"service {name}: the walker does not know {', '.join(unknown)}")
    limits = (entry.get("deploy") or {}).get("resources", {}).get("limits", {})
    mounts, memory_mounts = _mounts(name, entry.get("volumes") or (), folder, volumes)
    return Service(
        name=name,
        image=entry["image"],
        user=str(entry.get("user", "")),
        entrypoint=_words(entry.get("entrypoint")),
        command=_words(entry.get("command")),
        environment=_environment(name, entry.get("environment") or {}),
        mounts=mounts,
        tmpfs=(*memory_mounts, *(_tmpfs(text) for text in _list(entry.get("tmpfs")))),
        secrets=_secrets(entry.get("secrets") or (), secrets),
        networks=tuple(entry.get("networks") or ("default",)),
        depends_on=_depends_on(entry.get("depends_on") or {}),
        health=_health(entry.get("healthcheck")),
        ports=tuple(published(port) for port in entry.get("ports") or ()),
        read_only=bool(entry.get("read_only")),
        init=bool(entry.get("init")),
        cap_drop=tuple(entry.get("cap_drop") or ()),
        security_opt=tuple(entry.get("security_opt") or ()),
        memory=size_of(limits.get("memory") or entry.get("mem_limit")),
        restart=str(entry.get("restart", "no")),
        grace=seconds(entry.get("stop_grace_period", "10s")),
        working_dir=str(entry.get("working_dir", "")),
        shm_size=size_of(entry.get("shm_size")),
    )


def seconds(text: str | float) -> float:
    """Return a duration such as ``1m30s`` in seconds."""
    parts = _DURATION.findall(str(text))
    if "".join(number + unit for number, unit in parts) != str(text):
        raise StackError(f"{text!r} is no duration")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def size_of(text: str | int | None) -> int | None:
    """Return a size such as ``512m`` in bytes."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([a-z]*)", str(text).lower())
    if not found or (found[2] or "b") not in _BYTES:
        raise StackError(f"{text!r} is no size")
    return int(float(found[1]) * _BYTES[found[2] or "b"])


def published(port: Any) -> Published:
    """Return one entry of ``ports``; only the form that names the host's address is known."""
    if isinstance(port, Mapping):
        return Published(
            port.get("host_ip", "0.0.0.0"), int(port["published"]), int(port["target"])
        )
    parts = str(port).removesuffix("/tcp").split(":")
    if len(parts) != 3:
        raise StackError(f"port {port}: say 127.0.0.1:HOST:PORT, or it is open to everybody")
    return Published(parts[0], int(parts[1]), int(parts[2]))


def _words(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    return tuple(shlex.split(value)) if isinstance(value, str) else tuple(map(str, value))


def _list(value: Any) -> Sequence[str]:
    return [value] if isinstance(value, str) else list(value or ())


def _environment(service: str, value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        value = dict(str(pair).partition("=")[::2] for pair in value)
    if unset := [name for name, text in value.items() if text is None]:
        raise StackError(
            f"service {service}: {', '.join(unset)} would come from the caller's shell"
        )
    spelled = {True: "true", False: "false"}
    return {
        name: spelled[text] if isinstance(text, bool) else str(text) for name, text in value.items()
    }


def _mounts(
    service: str, entries: Iterable[Any], folder: Path, volumes: set[str]
) -> tuple[tuple[Mount, ...], tuple[Tmpfs, ...]]:
    mounts, memory = [], []
    for written in entries:
        entry = _long_mount(written) if isinstance(written, str) else written
        if entry["type"] == "tmpfs":
            options = entry.get("tmpfs") or {}
            mode = format(options["mode"], "o") if "mode" in options else "1777"
            memory.append(Tmpfs(entry["target"], mode, size=size_of(options.get("size"))))
            continue
        named = entry["type"] == "volume"
        if named and entry["source"] not in volumes:
            raise StackError(f"service {service}: volume {entry['source']} is not declared")
        path = None if named else _path(folder, entry["source"])
        name = entry["source"] if named else ""
        mounts.append(Mount(name, path, entry["target"], bool(entry.get("read_only"))))
    return tuple(mounts), tuple(memory)


def _long_mount(text: str) -> dict[str, Any]:
    source, target, *options = text.split(":")
    kind = "bind" if source.startswith((".", "/", "~")) else "volume"
    read_only = "ro" in ",".join(options).split(",")
    return {"type": kind, "source": source, "target": target, "read_only": read_only}


def _tmpfs(text: str) -> Tmpfs:
    target, _, options = text.partition(":")
    known = dict(option.partition("=")[::2] for option in options.split(",") if option)
    return Tmpfs(
        target,
        known.get("mode", "1777").lstrip("0"),
        int(known["uid"]) if "uid" in known else None,
        int(known["gid"]) if "gid" in known else None,
        size_of(known.get("size")),
    )


def _secrets(entries: Iterable[Any], files: Mapping[str, Path]) -> dict[str, Path]:
    found = {}
    for written in entries:
        entry = {"source": written} if isinstance(written, str) else written
        target = entry.get("target") or entry["source"]
        found[f"/run/secrets/{target}" if "/" not in target else target] = files[entry["source"]]
    return found


def _depends_on(value: Any) -> tuple[Dependency, ...]:
    if not isinstance(value, Mapping):
        value = {name: {} for name in value}
    return tuple(
        Dependency(
            name,
            (entry or {}).get("condition", "service_started"),
            bool((entry or {}).get("required", True)),
        )
        for name, entry in value.items()
    )


def _health(entry: Mapping[str, Any] | None) -> Health | None:
    if entry is None or entry.get("disable"):
        return None
    test = entry["test"]
    words = ("CMD-SHELL", test) if isinstance(test, str) else tuple(map(str, test))
    if words[0] == "NONE":
        return None
    return Health(
        words,
        seconds(entry.get("interval", "30s")),
        seconds(entry.get("timeout", "30s")),
        int(entry.get("retries", 3)),
        seconds(entry.get("start_period", "0s")),
    )


def _path(folder: Path, text: str) -> Path:
    return (folder / Path(text).expanduser()).resolve()
