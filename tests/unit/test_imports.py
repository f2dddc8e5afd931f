"""What may not be imported before it is needed: seconds differ by machine, modules do not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.monitors import MonitorFactory

HEAVY = (
    "airflow",
    "alembic",
    "evidently",
    "fsspec",
    "mlflow",
    "numpy",
    "pandas",
    "plotly",
    "prometheus_client",
    "psycopg2",
    "pyarrow",
    "scipy",
    "sklearn",
    "sqlalchemy",
)


def imported_by(code: str) -> set[str]:
    """Return the top-level packages that a fresh interpreter has imported after ``code``."""
    ending = "import json, sys; sys.stdout.write('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{ending}"], capture_output=True, text=True, check=True
    )
    names = json.loads(done.stdout.splitlines()[-1])
    return {name.partition(".")[0] for name in names}


@pytest.fixture(scope="module")
def package() -> set[str]:
    return imported_by("import monitoring_jobs")


@pytest.mark.parametrize("library", [*HEAVY, "pydantic", "yaml", "croniter", "typer", "rich"])
def test_importing_the_package_imports_nothing_heavy(package: set[str], library: str) -> None:
    assert library not in package


def test_reading_a_monitor_file_imports_no_data_library() -> None:
    """A Dag file does this for every monitor at every parse."""
    code = "from monitoring_jobs.monitor_files import load_folder; load_folder('dags/monitors')"
    assert not imported_by(code) & set(HEAVY)


@pytest.mark.parametrize(
    "words",
    [["--help"], ["evaluate", "--help"], ["validate", "dags/monitors"], ["schema"], ["metrics"]],
)
def test_light_commands_import_nothing_heavy(words: list[str]) -> None:
    code = f"from monitoring_jobs.cli import main\ntry: main({words!r})\nexcept SystemExit: pass"
    assert not imported_by(code) & set(HEAVY)


@pytest.mark.parametrize("end", ["2026-11-21", "2026-11-20T12:00:00Z"])
def test_judging_a_window_imports_numpy_and_pyarrow_alone(
    make_monitor: MonitorFactory, tmp_path: Path, end: str
) -> None:
    """What else is installed, pandas first, would take longer than the work.

    A window may cover a row group or cut through it.
    """
    path = make_monitor(report={"when": "never"}, segments=["region"])
    words = ["evaluate", str(path), "--start", "2026-11-20", "--end", end]
    words += ["--out", str(tmp_path / "out")]
    code = f"from monitoring_jobs.cli import main\ntry: main({words!r})\nexcept SystemExit: pass"
    assert imported_by(code) & set(HEAVY) == {"numpy", "pyarrow"}
    assert (tmp_path / "out" / "evaluation.json").exists()


def test_default_drift_methods_need_no_scipy() -> None:
    """It takes half a second and 100 MB, which most monitors never need."""
    code = (
        "import numpy, pyarrow\n"
        "from monitoring_jobs.checks.drift import SCORES\n"
        "from monitoring_jobs.spec import DriftCheck\n"
        "from monitoring_jobs.statistics import statistics_of\n"
        "for method, values in ((DriftCheck().numerical.method, pyarrow.array([1.0, 2.0])),\n"
        "                       (DriftCheck().categorical.method, pyarrow.array(['a', 'b']))):\n"
        "    SCORES[method](*[statistics_of(values)] * 2)"
    )
    assert "scipy" not in imported_by(code)


def test_public_names_are_what_they_say() -> None:
    """``evaluate`` is the function, though a module bears the same name."""
    code = (
        "import monitoring_jobs.evaluate, monitoring_jobs.publish, monitoring_jobs as m\n"
        "assert all(hasattr(m, name) for name in m.__all__)\n"
        "assert callable(m.evaluate) and callable(m.publish) and callable(m.extract_runs)\n"
        "from monitoring_jobs import *"
    )
    assert "monitoring_jobs" in imported_by(code)


def test_an_unknown_name_is_an_attribute_error() -> None:
    import monitoring_jobs

    with pytest.raises(AttributeError, match="nonsense"):
        monitoring_jobs.nonsense  # noqa: B018
