"""Write alertmanager.mail.yml: alertmanager.yml with the mail catcher as its only receiver.

``.venv/bin/python docker/alertmanager/mail.py`` after each change of alertmanager.yml. Routes,
groups and inhibitions stay; receivers keep what their mails say. The same is done for ``make up``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from monitoring_jobs.demo.alerting import prepare_alertmanager

HERE = Path(__file__).resolve().parent
DERIVED = HERE / "alertmanager.mail.yml"
_CATCHER = "mailpit:1025"
_HEAD = (
    "# Written by mail.py from alertmanager.yml; edit that. For compose's profile mail:\n"
    "# every mail goes to the mail catcher, and nobody else is told.\n"
)


def derived() -> str:
    """Return the text of alertmanager.mail.yml."""
    with tempfile.TemporaryDirectory() as folder:
        prepare_alertmanager(Path(folder), _CATCHER)
        text = (Path(folder) / "alertmanager.yml").read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    return _HEAD + "".join(line for line in lines if not line.startswith("#"))


if __name__ == "__main__":
    DERIVED.write_text(derived(), encoding="utf-8")
