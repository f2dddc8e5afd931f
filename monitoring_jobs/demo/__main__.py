"""Run the demo, look at its results in a browser, or look into its database.

python -m monitoring_jobs.demo
python -m monitoring_jobs.demo up [--airflow-port 8080] [--mlflow-port 5000]
python -m monitoring_jobs.demo down
python -m monitoring_jobs.demo psql [-c 'SELECT * FROM evaluations']
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from pathlib import Path

from monitoring_jobs.demo.down import down
from monitoring_jobs.demo.folder import DemoFolder, claim
from monitoring_jobs.demo.ports import USUAL, Ports
from monitoring_jobs.demo.postgres import DATABASES, postgres, running
from monitoring_jobs.demo.run import run_demo
from monitoring_jobs.demo.signals import orderly_end
from monitoring_jobs.demo.state import read_state
from monitoring_jobs.demo.up import up
from monitoring_jobs.errors import MonitoringError, TerminalError

_ACTIONS = ("run", "up", "down", "psql", "serve")


def main() -> int:
    """Do what the command line asks for; return the exit code."""
    asked = _parse()
    try:
        ports = Ports.read(**{name: getattr(asked, f"{name}_port") for name in USUAL})
        match asked.action:
            case "run":
                return run_demo(asked.folder)
            case "up":
                return up(asked.folder, ports)
            case "down":
                return down(asked.folder)
            case "serve":
                # It alone reads monitor files, and what that takes would slow down all others.
                from monitoring_jobs.demo.serve import serve

                return serve(asked.folder, ports, asked.lock)
        return look(asked.folder, asked.database, asked.command)
    except MonitoringError as exc:
        sys.stderr.write(f"{exc}\n")
        return 1


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m monitoring_jobs.demo", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    # What `up` starts is its own affair.
    shown = ",".join(_ACTIONS[:-1])
    parser.add_argument(
        "action", nargs="?", choices=_ACTIONS, default="run", metavar=f"{{{shown}}}"
    )
    parser.add_argument("--folder", type=Path, default=Path(".demo"))
    parser.add_argument("--database", choices=DATABASES, default="monitoring", help="for psql")
    parser.add_argument("-c", "--command", help="for psql: SQL instead of a prompt")
    for name, port in USUAL.items():
        text = f"for up: 0 for any; {port} where that is free"
        parser.add_argument(f"--{name}-port", metavar="PORT", help=text)
    parser.add_argument("--lock", type=int, help=argparse.SUPPRESS)  # of serve's parent
    return parser.parse_args()


def look(folder: Path, database: str, command: str | None) -> int:
    """Open psql on the demo's Postgres, started again if it is not up; return psql's exit code.

    Raises:
        TerminalError: No demo was run there.
    """
    home = DemoFolder(folder.expanduser().resolve())
    if not (home.postgres / "PG_VERSION").exists():
        raise TerminalError(f"{folder} holds no demo", "run monitoring-jobs demo first")
    arguments = ("-c", command) if command else ()
    user = "monitoring_reader" if database == "monitoring" else "postgres"
    state = read_state(home)
    if state and state.process and (server := running(home.postgres)):
        return _psql(server.psql(database, *arguments, user=user))
    with orderly_end(), claim(folder), postgres(home.postgres) as server:
        return _psql(server.psql(database, *arguments, user=user))


def _psql(command: list[str]) -> int:
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is psql's: it cancels a query
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
