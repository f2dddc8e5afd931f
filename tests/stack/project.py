"""A clone of the project after ``make secrets``, without its developer's own files."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from monitoring_jobs.demo.ports import free_port
from tests.stack.errors import StackError
from tests.stack.images import PROJECT

_BESIDE = ("dags", "grafana", "plugins", "sql")


def fresh_project(folder: Path, settings: Mapping[str, str]) -> Path:
    """Lay out a project with fresh secrets and free ports; return its compose file.

    Args:
        folder: Where; made.
        settings: Lines of ``docker/.env`` that are not as in the example.

    Raises:
        StackError: ``docker/write_secrets.py`` fails.
    """
    docker = folder / "docker"
    # Never the developer's own passwords, which lie there too.
    shutil.copytree(PROJECT / "docker", docker, ignore=shutil.ignore_patterns(".env", "secrets"))
    for name in _BESIDE:
        (folder / name).symlink_to(PROJECT / name)
    command = [sys.executable, str(docker / "write_secrets.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StackError(f"make secrets: {done.stderr.strip()}")
    file = docker / "compose.yaml"
    assign(docker / ".env", {**_free_ports(file), **settings})
    return file


def assign(file: Path, settings: Mapping[str, str]) -> None:
    """Change lines of a file of variables, or add them."""
    text = file.read_text(encoding="utf-8")
    for name, value in settings.items():
        line = re.compile(rf"^#? ?{name}=.*$", re.MULTILINE)
        found = line.search(text)
        if found:
            text = f"{text[: found.start()]}{name}={value}{text[found.end() :]}"
        else:
            text += f"{name}={value}\n"
    file.write_text(text, encoding="utf-8")


def variables(file: Path) -> dict[str, str]:
    """Return what a file of variables assigns."""
    lines = file.read_text(encoding="utf-8").splitlines()
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {name: value.strip("'\"") for name, value in pairs}


def _free_ports(file: Path) -> dict[str, str]:
    """Return other host ports than the usual ones, which somebody else may use."""
    names = re.findall(r"127\.0\.0\.1:\$\{(\w+)", file.read_text(encoding="utf-8"))
    ports: dict[str, str] = {}
    for name in names:
        while (port := str(free_port())) in ports.values():
            pass
        ports[name] = port
    return ports
