"""What CI asks of packages, licenses and files, and that it tells its answers apart."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"ci_{name}", ROOT / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


AUDIT = script("audit")
LICENSES = script("licenses")

CLEAN = {"name": "attrs", "version": "26.1.0", "vulns": []}
SILENT = {"name": "arrow", "skip_reason": "could not be audited"}
FLAW = {"id": "PYSEC-2026-1", "aliases": ["CVE-2026-9"], "fix_versions": ["5.0.1"]}
FLAWED = {"name": "celery", "version": "5.0.0", "vulns": [FLAW]}


def judged(*packages: dict[str, Any], ignored: dict[str, str] | None = None) -> Any:
    return AUDIT.judge({"dependencies": [*packages]}, "", ignored or {})


# --- the audit ------------------------------------------------------------------------------------
def test_packages_without_a_flaw_are_audited() -> None:
    verdict = judged(CLEAN)
    assert (verdict.code, *verdict.lines) == (0, "audit: 1 packages, no known vulnerability")


def test_a_flaw_fails_and_is_named_with_its_cure() -> None:
    verdict = judged(CLEAN, FLAWED)
    assert verdict.code == 1
    assert verdict.lines == ("audit: celery 5.0.0: PYSEC-2026-1; mended in 5.0.1",)


def test_no_answer_at_all_is_said_loudly_and_is_no_verdict() -> None:
    verdict = judged(SILENT, {**SILENT, "name": "amqp"})
    assert verdict.code == 0
    assert verdict.lines[0].startswith("NOT AUDITED: the advisory service knows none of 2")


def test_answers_about_a_part_are_no_audit() -> None:
    verdict = judged(CLEAN, SILENT)
    assert (verdict.code, *verdict.lines) == (1, "audit: no answer about 1 packages: arrow")


@pytest.mark.parametrize(
    ("logged", "code"),
    [
        ("ERROR:pip_audit._cli:Could not connect to PyPI's vulnerability feed\n", 0),
        ("Traceback ...\nrequests.exceptions.ConnectionError: Name not known\n", 0),
        ("DEBUG:pip_audit._cli:Auditing attrs (26.1.0)\nERROR: Could not connect\n", 1),
        ("ERROR:pip_audit._cli:requirements.txt: no hash\n", 1),
        ("", 1),
    ],
    ids=["timeout", "no network", "lost halfway", "refused", "died"],
)
def test_an_audit_that_broke_off_passes_only_where_nothing_could_be_asked(
    logged: str, code: int
) -> None:
    verdict = AUDIT.judge(None, logged, {})
    assert verdict.code == code
    assert verdict.lines[0].startswith("audit: pip-audit broke off" if code else "NOT AUDITED")


@pytest.mark.parametrize("name", ["PYSEC-2026-1", "CVE-2026-9"])
def test_an_ignored_flaw_passes_by_any_of_its_names(name: str) -> None:
    assert judged(FLAWED, ignored={name: "we call it never"}).code == 0


def test_an_ignored_flaw_that_is_gone_is_to_be_unlisted() -> None:
    verdict = judged(CLEAN, ignored={"CVE-1": "x"})
    assert verdict.code == 0
    assert "audit: CVE-1 is no longer found; unlist it" in verdict.lines


def test_flaws_are_ignored_for_a_reason_only() -> None:
    assert AUDIT.read_ignored("# why\n\nCVE-1 not called\n") == {"CVE-1": "not called"}
    with pytest.raises(SystemExit, match="CVE-2 has no reason"):
        AUDIT.read_ignored("CVE-2\n")


# --- licenses -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "words",
    ["MIT License", "GPL-3.0 OR MIT", "BSD-3-Clause AND 0BSD", "Apache Software License; MIT"],
)
def test_allowed_licenses_pass_in_any_words(words: str) -> None:
    assert LICENSES.Policy.read().license_of("anything", words)


@pytest.mark.parametrize("words", ["GPL-3.0", "MIT AND AGPL-3.0", "MIT License; GPLv2", None])
def test_a_package_under_another_license_is_refused_by_name(words: str | None) -> None:
    with pytest.raises(ValueError, match=r"anything is under .* not allowed"):
        LICENSES.Policy.read().license_of("anything", words)


def test_a_package_that_was_looked_at_is_looked_at_again_when_it_says_something_else() -> None:
    policy = LICENSES.Policy.read()
    assert policy.license_of("huey", "UNKNOWN") == "MIT"
    with pytest.raises(ValueError, match="huey now says 'AGPL"):
        policy.license_of("huey", "AGPL-3.0")


# --- secrets --------------------------------------------------------------------------------------
def test_a_planted_secret_is_found_and_what_was_judged_is_not(tmp_path: Path) -> None:
    # Put together here, so that the scan of this file does not stumble over it.
    planted = tmp_path / "settings.py"
    planted.write_text("aws = '" + "AKIA" + 4 * "2E0A" + "'\n")
    known = "airflow.cfg.example"
    done = subprocess.run(
        [sys.executable, ROOT / ".ci" / "secret_scan.py", str(planted), known],
        capture_output=True,
        text=True,
        check=False,
    )
    *found, cure = done.stderr.splitlines()
    assert done.returncode == 1
    assert [line.partition(":")[0].endswith("settings.py") for line in found] == [True]
    assert "AWS Access Key" in found[0]
    assert 4 * "2E0A" not in done.stderr
    assert "detect-secrets audit" in cure


def test_the_list_of_false_alarms_was_judged() -> None:
    listed = json.loads((ROOT / ".secrets.baseline").read_text())["results"]
    assert {entry.get("is_secret") for entries in listed.values() for entry in entries} == {False}
