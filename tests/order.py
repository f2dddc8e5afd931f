"""Which worker runs which test files, and in which order.

A file stays whole. Files that need the same costly server stay together, so that one worker alone
starts it; no worker may be left alone with a long one at the end. Within each group files keep the
random order that they have been given.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

_TESTS = Path(__file__).parent
# By the names that they begin with.
_TOGETHER = {
    "mlflow": (
        "dags/test_assets.py",
        "dags/test_other_dags.py",
        "integration/test_demo_fill.py",
        "integration/test_doctor.py",
        "integration/test_extract",
        "integration/test_mlflow_sink.py",
        "integration/test_split.py",
        "integration/test_tracking",
    ),
    "plugins": ("plugins/",),
}
# Each starts services of its own, for most of a minute or several.
_LONG = (
    "mlflow",
    "integration/test_demo.py",
    "stack/test_stack.py",
    "dags/test_scheduler.py",
    "stack/test_stack_commands.py",
    "integration/test_up.py",
    "plugins",
    "dags/test_run_windows.py",
    "integration/test_benchmark_services.py",
    "integration/test_alerts_end_to_end.py",
    "browser/test_airflow_ui.py",
)
# These share a stack with the browser; it costs a fifth of a processor while it runs.
_ON_THE_STACK = (
    "grafana/test_dashboards.py",
    "integration/test_backup_dashboards.py",
    "integration/test_doctor_airflow.py",
    "integration/test_up_demo.py",
)
# Many and short, they fill what is left of the time.
_SHORT = "unit/"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files that take long first, and many short ones last, the greater ones before."""
    tests = Counter(item.path for item in items)

    def place(item: pytest.Item) -> tuple[int, int]:
        name = item.path.relative_to(_TESTS).as_posix()
        if (group := _group(name)) in _LONG:
            return 0, _LONG.index(group)
        if name.startswith(_ON_THE_STACK):
            return 2, 0
        return (3, -tests[item.path]) if name.startswith(_SHORT) else (1, 0)

    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give out files by what they need; xdist's own groups do not work with this pytest."""
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _group(nodeid.partition("::")[0].removeprefix(f"{_TESTS.name}/"))

    return Together(config, log) if config.getvalue("dist") == "loadfile" else None


def _group(name: str) -> str:
    """Return what a file is run with in one worker: its own name where with no other."""
    for group, names in _TOGETHER.items():
        if name.startswith(names):
            return group
    return name
