"""Dockerfiles read as far as the tests ask: stages and their instructions, in order; and `run`."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sysconfig
import tomllib
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
SCRIPTS = sysconfig.get_path("scripts")
IMAGES = ["airflow", "mlflow"]


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a build.

    Attributes:
        base: Image, or earlier stage, that it starts from.
        name: What later stages call it; empty for the last one.
        instructions: Pairs of an instruction's name and its text on one line.
    """

    base: str
    name: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def texts(self, instruction: str) -> list[str]:
        """Return the texts of one kind of instruction."""
        return [text for name, text in self.instructions if name == instruction]


def stages(path: Path) -> list[Stage]:
    """Return the stages of the Dockerfile at ``path``."""
    lines = [
        line
        for line in path.read_text(encoding="utf-8").splitlines()
        if not line.lstrip().startswith("#")
    ]
    found: list[Stage] = []
    for text in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        instruction, _, rest = text.strip().partition(" ")
        if instruction == "FROM":
            base, *named = rest.split()
            found.append(Stage(base, named[1] if named else ""))
        elif instruction:
            found[-1].instructions.append((instruction, " ".join(rest.split())))
    return found


def pairs(text: str) -> dict[str, str]:
    """Return the names and values of an ``ENV``, ``ARG`` or ``LABEL``."""
    return {name: value for name, _, value in (word.partition("=") for word in shlex.split(text))}


def copied(stage: Stage) -> list[str]:
    """Return what ``COPY`` takes from the build's context."""
    return [
        source
        for text in stage.texts("COPY")
        if not text.startswith("--from=")
        for source in shlex.split(text)[:-1]
    ]


def options(stage: Stage, command: str, *names: str) -> list[str]:
    """Return the values of a command's options, such as ``uv sync --extra``, in one stage."""
    for part in re.split(r"&&", " ".join(stage.texts("RUN"))):
        words = shlex.split(part)
        if command in " ".join(words):
            return [value for name, value in pairwise(words) if name in names]
    return []


def dockerfile(image: str) -> Path:
    """Return the path of an image's Dockerfile."""
    return ROOT / "docker" / image / "Dockerfile"


def run(*command: str) -> str:
    """Return what a program of the virtual environment prints, run at the root."""
    program = shutil.which(command[0], path=f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}")
    assert program, f"{command[0]} is not installed; run make test"
    done = subprocess.run(
        [program, *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def stage(image: str, name: str) -> Stage:
    """Return one stage of an image."""
    return next(stage for stage in stages(dockerfile(image)) if stage.name == name)


def project() -> dict[str, Any]:
    """Return what pyproject.toml says."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)
