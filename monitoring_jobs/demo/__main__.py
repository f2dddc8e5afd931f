"""Run the demo, or look into its database once more.

python -m monitoring_jobs.demo
python -m monitoring_jobs.demo psql [-c 'SELECT * FROM evaluations']
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from pathlib import Path

from monitoring_jobs.demo.folder import claim
from monitoring_jobs.demo.postgres import DATABASES, postgres
from monitoring_jobs.demo.run import run_demo
from monitoring_jobs.demo.signals import orderly_end
from monitoring_jobs.errors import MonitoringError, TerminalError


def main() -> int:
    """Do what the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m monitoring_jobs.demo", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("action", nargs="?", choices=("run", "psql"), default="run")
    parser.add_argument("--folder", type=Path, default=Path(".demo"))
    parser.add_argument("--database", choices=DATABASES, default="monitoring")
    parser.add_argument("-c", "--command", help="SQL instead of a prompt")
    asked = parser.parse_args()
    try:
        if asked.action == "run":
            return run_demo(asked.folder)
        return look(asked.folder, asked.database, asked.command)
    except MonitoringError as exc:
        sys.stderr.write(f"{exc}\n")
        return 1


def look(folder: Path, database: str, command: str | None) -> int:
    """Start the demo's Postgres again and open psql on it; return psql's exit code.

    Raises:
        TerminalError: No demo was run there.
    """
    if not (folder / "postgres" / "PG_VERSION").exists():
        raise TerminalError(f"{folder} holds no demo", "run monitoring-jobs demo first")
    with orderly_end(), claim(folder) as home, postgres(home.postgres) as server:
        signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is psql's: it cancels a query
        arguments = ("-c", command) if command else ()
        user = "monitoring_reader" if database == "monitoring" else "postgres"
        return subprocess.run(server.psql(database, *arguments, user=user), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
