"""What a Dockerfile of ours leaves in its image, as far as a service can tell while it runs."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path, PurePosixPath

BASE_PATH = "/usr/local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Account:
    """A line of the image's /etc/passwd."""

    name: str
    uid: int
    gid: int
    home: str


@dataclass(frozen=True, slots=True)
class Directory:
    """A folder of the image; a new volume that is mounted on it takes over owner and mode."""

    uid: int = 0
    gid: int = 0
    mode: int = 0o755


@dataclass
class Stage:
    """What the instructions of one stage say.

    Attributes:
        parent: The stage or image that it starts from.
        environment: Its variables.
        copies: Pairs of a path in the project and where it is copied to.
        borrowed: Stage, path in it, and where that is copied to.
    """

    parent: str
    environment: dict[str, str] = field(default_factory=dict)
    working_dir: str = "/"
    user: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    copies: list[tuple[str, str]] = field(default_factory=list)
    borrowed: list[tuple[str, str, str]] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)
    directories: dict[str, Directory] = field(default_factory=dict)
    empty_files: list[str] = field(default_factory=list)


def final_stage(file: Path) -> Stage:
    """Return the last stage of a Dockerfile, its project files followed through the others."""
    stages: dict[str, Stage] = {}
    stage = Stage("")
    for word, rest in _instructions(file.read_text(encoding="utf-8")):
        if word == "FROM":
            parent, _, name = rest.partition(" AS ")
            stage = Stage(parent, working_dir=getattr(stages.get(parent), "working_dir", "/"))
            stages[name or ""] = stage
        elif word in _READERS:
            _READERS[word](stage, rest)
    for source, path, target in stage.borrowed:
        for project, inside in stages[source].copies if source in stages else ():
            if PurePosixPath(inside).is_relative_to(path):
                moved = PurePosixPath(target) / PurePosixPath(inside).relative_to(path)
                stage.copies.append((project, str(moved)))
    return stage


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    for line in re.sub(r"\\\n", " ", text).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word:
            yield word.upper(), rest.strip()


def _env(stage: Stage, rest: str) -> None:
    for pair in shlex.split(rest):
        name, _, value = pair.partition("=")
        stage.environment[name] = _expanded(value, {"PATH": BASE_PATH, **stage.environment})


def _expanded(text: str, known: Mapping[str, str]) -> str:
    return re.sub(r"\$\{?(\w+)\}?", lambda found: known.get(found[1], ""), text)


def _copy(stage: Stage, rest: str) -> None:
    words = shlex.split(rest)
    options = [word for word in words if word.startswith("--")]
    *sources, target = [word for word in words if not word.startswith("--")]
    origin = next((o.removeprefix("--from=") for o in options if o.startswith("--from=")), "")
    place_of = PurePosixPath(stage.working_dir) / target
    for source in sources:
        # Of a folder the content is copied, of a file the file itself.
        into = len(sources) > 1 or (target.endswith("/") and PurePosixPath(source).suffix)
        place = str(place_of / PurePosixPath(source).name if into else place_of)
        if origin:
            stage.borrowed.append((origin, source, place))
        else:
            stage.copies.append((source, place))


def _run(stage: Stage, rest: str) -> None:
    for words in (shlex.split(part) for part in rest.split("&&")):
        options = dict(pairwise(words))
        if words[:1] == ["useradd"]:
            uid, gid = int(options["--uid"]), int(options["--gid"])
            stage.accounts.append(Account(words[-1], uid, gid, options["--home-dir"]))
        elif words[:2] == ["install", "--directory"]:
            made = Directory(
                int(options["--owner"]), int(options["--group"]), int(options["--mode"], 8)
            )
            stage.directories |= dict.fromkeys([w for w in words if w.startswith("/")], made)
        elif words[:1] == ["touch"]:
            stage.empty_files += words[1:]


def _words(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text)) if text.startswith("[") else ("/bin/sh", "-c", text)


_READERS = {
    "ENV": _env,
    "COPY": _copy,
    "RUN": _run,
    "WORKDIR": lambda stage, rest: setattr(stage, "working_dir", rest),
    "USER": lambda stage, rest: setattr(stage, "user", rest),
    "ENTRYPOINT": lambda stage, rest: setattr(stage, "entrypoint", _words(rest)),
    "CMD": lambda stage, rest: setattr(stage, "command", _words(rest)),
}
