"""How a command ends: exit codes, errors as one line each, signals that clean up."""

from __future__ import annotations

import logging
import signal
import sys
import warnings

import typer

from monitoring_jobs.console import complain
from monitoring_jobs.errors import EmptyWindow, InvalidMonitor, InvalidSettings, MonitoringError

DONE, FAILED, MISUSED, ALERTED = 0, 1, 2, 3
_MISUSE = (InvalidMonitor, InvalidSettings, EmptyWindow)


def explain(exc: Exception) -> int:
    """Write an error as lines for a person and return the exit code it stands for."""
    if isinstance(exc, InvalidMonitor):
        for problem in exc.problems:
            complain(problem)
    elif isinstance(exc, MonitoringError):
        complain(f"monitoring-jobs: {exc}")
    elif isinstance(exc, typer.TyperException):
        # Without a word the help was shown instead of an error.
        if message := exc.format_message():
            complain(f"monitoring-jobs: {message.rstrip('.')}; see --help")
        return MISUSED
    else:
        # Its message may hold a secret or a data value; with --debug the reader asked for it.
        complain(f"monitoring-jobs: unexpected {type(exc).__name__}; add --debug to see where")
    return MISUSED if isinstance(exc, _MISUSE) else FAILED


def prepare(*, debug: bool) -> None:
    """Make logs and warnings lines for a person; let SIGTERM and SIGHUP clean up like any error."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    logger = logging.getLogger("monitoring_jobs")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO if debug else logging.WARNING)
    if not debug:
        handler.addFilter(_without_traceback)
        warnings.simplefilter("ignore")
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, lambda signum, _frame: sys.exit(128 + signum))


def _without_traceback(record: logging.LogRecord) -> bool:
    record.exc_info = record.exc_text = None
    return True
