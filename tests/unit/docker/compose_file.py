"""docker/compose.yaml as podman-compose renders it, and the files around it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[3]
DOCKER = PROJECT / "docker"
COMPOSE = DOCKER / "compose.yaml"
EXAMPLE = DOCKER / ".env.example"
PROFILES = ("celery", "mail", "demo", "operations")
VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)")
_NAMED = re.compile(r"^(# )?([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)


def secret_names() -> list[str]:
    """Return what .env.example leaves to be drawn."""
    return [name for comment, name, value in _NAMED.findall(example()) if not comment]


def offered() -> dict[str, str]:
    """Return the variables of .env.example with a default, by name."""
    return {name: value for comment, name, value in _NAMED.findall(example()) if comment}


def example() -> str:
    """Return the text of .env.example."""
    return EXAMPLE.read_text(encoding="utf-8")


def source() -> str:
    """Return the text of compose.yaml."""
    return COMPOSE.read_text(encoding="utf-8")


def ask(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run podman-compose on the file; with no variable of ours but these."""
    program = Path(sys.executable).with_name("podman-compose")
    known = {*secret_names(), *offered()}
    environment = {k: v for k, v in os.environ.items() if k not in known}
    return subprocess.run(
        # Dry: rendering needs no engine. An empty file keeps a developer's docker/.env out.
        [program, "--dry-run", "--env-file", os.devnull, "-f", COMPOSE, *arguments],
        env={**environment, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def canaries() -> dict[str, str]:
    """Return a value for every secret that tells where it lands."""
    return {name: f"canary-{name}" for name in secret_names()}


@cache
def rendered(*profiles: str) -> dict[str, Any]:
    """Return what is rendered for some profiles, with a canary for each secret."""
    chosen = [part for profile in profiles for part in ("--profile", profile)]
    done = ask(*chosen, "config", **canaries())
    assert done.returncode == 0, done.stderr
    return dict(yaml.safe_load(done.stdout))


def services() -> dict[str, dict[str, Any]]:
    """Return the services of all profiles by name."""
    return dict(rendered(*PROFILES)["services"])


def values(entry: Any) -> list[str]:
    """Return all that stands in a part of the file, as text."""
    if isinstance(entry, dict):
        return [text for value in entry.values() for text in values(value)]
    if isinstance(entry, list):
        return [text for value in entry for text in values(value)]
    return [str(entry)]
