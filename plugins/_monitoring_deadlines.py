"""What Airflow's triggerer calls when the deadline of a monitor's run has passed.

It lies here because the triggerer finds modules in the plugins folder, not in the Dags folder. It
runs there because callbacks on executors get no connections in Airflow 3.3, and not every executor
runs them.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Mapping
from typing import Any


async def evaluation_is_late(
    dags: str, monitor: Mapping[str, str | None], context: Mapping[str, Any]
) -> None:
    """Tell of a late evaluation, in a thread: the triggerer has other things to do meanwhile.

    Args:
        dags: The Dags folder, whose module ``_deadlines`` does the work.
        monitor: What that module has put down of the monitor.
        context: ``dag_run`` as the REST API shows it, and ``deadline`` with its time.
    """
    if dags not in sys.path:
        sys.path.append(dags)
    report = importlib.import_module("_deadlines").report_late
    await asyncio.to_thread(report, monitor, context)
