"""``python -m monitoring_jobs``: the command line, for where the script is not on the path."""

from __future__ import annotations

from monitoring_jobs.cli import main

main()
