"""The order of the test files: no process may be left alone with a long one at the end.

Within each group files keep the random order that they have been given.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

_TESTS = Path(__file__).parent
# Each starts services of its own, for most of a minute.
_LONG = (
    "integration/test_demo.py",
    "dags/test_scheduler.py",
    "integration/test_up.py",
    "dags/test_run_windows.py",
    "integration/test_benchmark_services.py",
    "integration/test_extract.py",
    "integration/test_alerts_end_to_end.py",
)
# These share a stack that costs a fifth of a processor while it runs: not from the beginning on.
_ON_THE_STACK = (
    "browser/",
    "grafana/test_dashboards.py",
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
        if name in _LONG:
            return 0, _LONG.index(name)
        if name.startswith(_ON_THE_STACK):
            return 2, 0
        return (3, -tests[item.path]) if name.startswith(_SHORT) else (1, 0)

    items.sort(key=place)
