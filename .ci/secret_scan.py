"""Find secrets that were written into files, by detect-secrets: what Git holds, or the files named.

Fails on what .secrets.baseline does not list, and on what it lists that nobody has judged. Lines
may move: a finding is known by its file, its kind and the hash of what was found.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import transient_settings

_ROOT = Path(__file__).resolve().parents[1]
_BASELINE = _ROOT / ".secrets.baseline"
_LISTED = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
_CURE = (
    "take them out of the files (and, if they are real, out of use); false alarms: detect-secrets"
    " scan --baseline .secrets.baseline, then detect-secrets audit .secrets.baseline, where y keeps"
)


def faults(files: list[str], baseline: dict[str, Any], root: Path = _ROOT) -> list[str]:
    """Return one line for each unknown secret of the files, and each one that nobody has judged.

    Args:
        files: Paths below the root.
        baseline: detect-secrets' own: plugins, filters and known results.
        root: Where the paths begin.
    """
    known = {
        (name, entry["type"], entry["hashed_secret"]): entry.get("is_secret")
        for name, entries in baseline["results"].items()
        for entry in entries
    }
    # Files that were deleted and not yet committed are still listed.
    present = [name for name in files if (root / name).is_file() and root / name != _BASELINE]
    found = SecretsCollection(root=str(root))
    with transient_settings({key: baseline[key] for key in ("plugins_used", "filters_used")}):
        found.scan_files(*present)
    lines = []
    for name, secret in found:
        key = (name, secret.type, secret.secret_hash)
        if key not in known:
            lines.append(f"{name}:{secret.line_number}: {secret.type}")
        elif known[key] is not False:
            lines.append(f"{name}:{secret.line_number}: {secret.type}, listed but not judged")
    return sorted(lines)


def main(named: list[str]) -> int:
    """Scan the files named, or all that Git holds and would take; return the exit code."""
    # It warns of every picture that it cannot read as text.
    logging.disable(logging.WARNING)
    listed = subprocess.run(  # noqa: S603
        _LISTED, cwd=_ROOT, capture_output=True, text=True, check=True
    )
    files = named or [name for name in listed.stdout.split("\0") if name]
    lines = faults(files, json.loads(_BASELINE.read_text(encoding="utf-8")))
    sys.stderr.write("".join(f"{line}\n" for line in [*lines, *([_CURE] if lines else [])]))
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
