"""Ask PyPI's advisory service about every package of uv.lock, and say honestly what came of it.

Exit code 0: all were audited and are clean, or nothing at all could be asked (said loudly).
Exit code 1: a vulnerability that is not in audit-ignored.txt, or answers about a part only.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[1]
_IGNORED = _ROOT / ".ci" / "audit-ignored.txt"
# What pip-audit logs of each package that it has an answer about, or has passed over.
_ASKED = ":Auditing "
# Its own words, or the end of a traceback.
_UNREACHABLE = re.compile(
    r"Could not connect to|^requests\.exceptions\.(ConnectionError|ProxyError)", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to print, and the exit code."""

    lines: tuple[str, ...]
    code: int


def read_ignored(text: str) -> dict[str, str]:
    """Return the reasons by advisory: lines of an id, spaces and why it does not concern us."""
    ignored = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        advisory, _, reason = line.partition(" ")
        if not reason.strip():
            raise SystemExit(f"{_IGNORED.name}:{number}: {advisory} has no reason; write one")
        ignored[advisory] = reason.strip()
    return ignored


def judge(answer: dict[str, Any] | None, stderr: str, ignored: dict[str, str]) -> Verdict:
    """Tell the three cases apart: audited, vulnerable, not audited.

    Args:
        answer: pip-audit's JSON; None where it ended without one.
        stderr: What it logged.
        ignored: Reasons by advisory.
    """
    if answer is None:
        return _without_answer(stderr)
    packages = answer["dependencies"]
    silent = [package["name"] for package in packages if "skip_reason" in package]
    if not packages:
        return Verdict(("audit: uv.lock names no package",), 1)
    if len(silent) == len(packages):
        return _not_asked(f"the advisory service knows none of {len(packages)} packages")
    found, used = [], set()
    for package in packages:
        for flaw in package.get("vulns", ()):
            names = {flaw["id"], *flaw.get("aliases", ())}
            if known := names & ignored.keys():
                used |= known
                continue
            cure = " or ".join(flaw["fix_versions"]) or "no release yet"
            found.append(
                f"audit: {package['name']} {package['version']}: {flaw['id']}; mended in {cure}"
            )
    lines = [*found]
    if silent:
        lines.append(f"audit: no answer about {len(silent)} packages: {', '.join(silent)}")
    lines += [f"audit: {name} is no longer found; unlist it" for name in ignored.keys() - used]
    if not found and not silent:
        lines.append(f"audit: {len(packages)} packages, no known vulnerability")
    return Verdict(tuple(lines), 1 if found or silent else 0)


def _without_answer(stderr: str) -> Verdict:
    last = (stderr.strip().splitlines() or ["no output"])[-1]
    if _ASKED in stderr or not _UNREACHABLE.search(stderr):
        return Verdict((f"audit: pip-audit broke off: {last}",), 1)
    return _not_asked("the advisory service cannot be reached")


def _not_asked(why: str) -> Verdict:
    return Verdict((f"NOT AUDITED: {why}; run .ci/audit where pypi.org can be reached",), 0)


def _ask() -> tuple[dict[str, Any] | None, str]:
    tools = _ROOT / ".venv" / "bin"
    with tempfile.TemporaryDirectory() as folder:
        locked = Path(folder) / "requirements.txt"
        export = [str(tools / "uv"), "export", "--quiet", "--frozen", "--all-extras"]
        subprocess.run(  # noqa: S603
            [*export, "--no-emit-project", "--output-file", locked], cwd=_ROOT, check=True
        )
        options = ["--verbose", "--progress-spinner=off", "--format=json", "--desc=off"]
        done = subprocess.run(  # noqa: S603
            [tools / "pip-audit", *options, "--disable-pip", "--require-hashes", "-r", locked],
            capture_output=True,
            text=True,
            check=False,
        )
    return (json.loads(done.stdout) if done.stdout.strip() else None), done.stderr


if __name__ == "__main__":
    reasons = read_ignored(_IGNORED.read_text(encoding="utf-8"))
    verdict = judge(*_ask(), reasons)
    sys.stderr.write("".join(f"{line}\n" for line in verdict.lines))
    sys.exit(verdict.code)
