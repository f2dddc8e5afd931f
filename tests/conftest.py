"""Real services for the whole session, one file per service in tests/fixtures."""

from __future__ import annotations

import os

import hypothesis

# A machine that runs several services beside the tests is slow now and then. Developers look for
# new examples at every run; CI tries the same ones, and fewer, so that its answer is about the
# change, and comes within ten minutes.
hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, max_examples=60)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "suite")

pytest_plugins = [
    "tests.order",
    "tests.fixtures.command_line",
    "tests.fixtures.monitors",
    "tests.fixtures.postgres",
    "tests.fixtures.dashboard_results",
    "tests.fixtures.mlflow_server",
    "tests.fixtures.extraction",
    "tests.fixtures.pushgateway",
    "tests.fixtures.demo_run",
    "tests.fixtures.airflow_stack",
    "tests.fixtures.object_storage",
    "tests.fixtures.kubectl",
]
