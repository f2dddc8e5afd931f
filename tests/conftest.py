"""Real services for the whole session, one file per service in tests/fixtures."""

from __future__ import annotations

import hypothesis

# A machine that runs several services beside the tests is slow now and then.
hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")

pytest_plugins = [
    "tests.fixtures.command_line",
    "tests.fixtures.monitors",
    "tests.fixtures.postgres",
    "tests.fixtures.mlflow_server",
    "tests.fixtures.extraction",
    "tests.fixtures.pushgateway",
    "tests.fixtures.object_storage",
]
