"""Hold the licences of what our images install against those that we allow, and list them.

Without arguments: fail on a licence that is not allowed, and on a page that is not true any more.
With --write: write docs/licenses.md. Versions stand in uv.lock and in each image's own list.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[1]
_TOOLS = _ROOT / ".venv" / "bin"
_POLICY = _ROOT / ".ci" / "licenses.toml"
_PAGE = _ROOT / "docs" / "licenses.md"
_IMAGES = ("airflow", "mlflow")
# What a Dockerfile passes to uv to say which of the lock's packages it installs.
_CHOICE = re.compile(r"--(?:extra|prune)[ =][\w.-]+")
_HEAD = """\
# Licenses

Written by `.ci/licenses.py --write`; `make lint` says when it is no longer true.

Every Python package inside our two images, as `uv.lock` and the Dockerfiles name them, with the \
license that its own metadata state. `.ci/licenses.toml` says which licenses are allowed. Versions \
stand in `uv.lock`, and in the list of parts that each image carries \
([images](operations/images.md)). A wheel may hold libraries of others, under licenses of theirs; \
its files say which. Debian's packages of the base image keep theirs in `/usr/share/doc`.

| package | license | images |
|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Policy:
    """What licenses.toml says.

    Attributes:
        allowed: SPDX identifiers.
        names: SPDX identifiers by other words for them.
        looked_at: Package -> what a person wrote down of it.
    """

    allowed: frozenset[str]
    names: dict[str, str]
    looked_at: dict[str, dict[str, str]]

    @classmethod
    def read(cls, path: Path = _POLICY) -> Policy:
        """Read the file."""
        said = tomllib.loads(path.read_text(encoding="utf-8"))
        entries = {entry["package"]: entry for entry in said["looked-at"]}
        return cls(frozenset(said["allowed"]), said["names"], entries)

    def spelled(self, words: str) -> str:
        """Return a package's words in SPDX's; classifiers stay joined by semicolons."""
        parts = [self.names.get(part.strip(), part.strip()) for part in words.split(";")]
        return "; ".join(dict.fromkeys(parts))

    def allows(self, license_: str) -> bool:
        """Tell whether a license is: one side of an OR, both of an AND, and all classifiers."""
        return all(
            any(
                all(part.strip() in self.allowed for part in side.split(" AND "))
                for side in expression.split(" OR ")
            )
            for expression in license_.split(";")
        )

    def license_of(self, package: str, words: str | None) -> str:
        """Return the license of a package by the words of its metadata; None: not installed.

        Raises:
            ValueError: It is not allowed, or somebody has to look at the package.
        """
        seen = self.looked_at.get(package)
        if seen is None:
            license_ = self.spelled(words or "UNKNOWN")
            if not self.allows(license_):
                raise ValueError(f"{package} is under {license_!r}, which is not allowed")
            return license_
        if words is not None and not words.startswith(seen.get("says", "")):
            raise ValueError(f"{package} now says {words[:60]!r}; look at it again")
        return seen["license"]


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _packages(image: str) -> set[str]:
    """Return what an image installs, for any Python that is supported."""
    dockerfile = _ROOT / "docker" / image / "Dockerfile"
    choice = _CHOICE.findall(dockerfile.read_text(encoding="utf-8"))
    if not choice:
        raise SystemExit(f"{dockerfile} passes no --extra to uv; say here how it chooses packages")
    flags = [part for flag in choice for part in re.split("[ =]", flag)]
    export = [str(_TOOLS / "uv"), "export", "--quiet", "--frozen", "--no-dev", "--no-emit-project"]
    text = subprocess.run(  # noqa: S603
        [*export, "--no-hashes", "--no-header", "--no-annotate", *flags],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    lines = [line for line in text.splitlines() if "sys_platform == 'linux'" in line]
    return {_canonical(line.partition("==")[0]) for line in lines}


def _installed() -> dict[str, str]:
    """Return what pip-licenses reads out of the metadata of all that is installed here."""
    listed = [str(_TOOLS / "pip-licenses"), "--from=mixed", "--format=json", "--with-system"]
    printed = subprocess.run(listed, capture_output=True, text=True, check=True)  # noqa: S603
    entries: list[dict[str, Any]] = json.loads(printed.stdout)
    return {_canonical(entry["Name"]): entry["License"] for entry in entries}


def page(licenses: dict[str, str], images: dict[str, set[str]], policy: Policy) -> str:
    """Return the page: one row per package, and why where a person had to look."""
    rows = []
    for package, license_ in sorted(licenses.items()):
        used = ", ".join(image for image, packages in images.items() if package in packages)
        reason = policy.looked_at.get(package, {}).get("reason")
        rows.append(f"| {package} | {license_}{f' ({reason})' if reason else ''} | {used} |\n")
    return _HEAD + "".join(rows)


def main(arguments: list[str]) -> int:
    """Check, or write the page; return the exit code."""
    policy, installed = Policy.read(), _installed()
    images = {image: _packages(image) for image in _IMAGES}
    shipped = set().union(*images.values())
    licenses: dict[str, str] = {}
    wrong = [f"{name} is in no image; unlist it" for name in policy.looked_at.keys() - shipped]
    for package in shipped:
        try:
            licenses[package] = policy.license_of(package, installed.get(package))
        except ValueError as problem:
            wrong.append(str(problem))
    text = page(licenses, images, policy)
    if not wrong and "--write" in arguments:
        _PAGE.write_text(text, encoding="utf-8")
    elif not wrong and (not _PAGE.exists() or _PAGE.read_text(encoding="utf-8") != text):
        wrong.append("docs/licenses.md is not true; .venv/bin/python .ci/licenses.py --write")
    sys.stderr.write("".join(f"licenses.toml: {line}\n" for line in sorted(wrong)))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
