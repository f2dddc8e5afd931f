"""The Dockerfiles: pinned, without secrets, compilers, or anything that is not listed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from fnmatch import translate
from pathlib import Path

import pytest

from tests.unit.docker.dockerfiles import (
    IMAGES,
    ROOT,
    copied,
    dockerfile,
    pairs,
    project,
    run,
    stage,
    stages,
)

every_image = pytest.mark.parametrize("image", IMAGES)


def test_dockerfiles_pass_hadolint() -> None:
    run("hadolint", *(str(dockerfile(image)) for image in IMAGES))


@every_image
def test_every_stage_starts_from_a_version_and_digest_or_an_earlier_stage(image: str) -> None:
    earlier: set[str] = set()
    for each in stages(dockerfile(image)):
        assert each.base in earlier or re.fullmatch(
            r"[a-z0-9./-]+:\d+\.\d+\.\d+[a-z0-9.-]*@sha256:[0-9a-f]{64}", each.base
        )
        earlier.add(each.name)


def test_both_images_start_from_the_same_python_that_the_project_supports() -> None:
    bases = {stage(image, "python").base for image in IMAGES}
    assert len(bases) == 1
    requires = project()["project"]["requires-python"]
    assert bases.pop().startswith("python:3.13.")
    assert requires == ">=3.11,<3.14"


@every_image
def test_no_stage_is_told_a_secret(image: str) -> None:
    for each in stages(dockerfile(image)):
        for text in [*each.texts("ENV"), *each.texts("ARG"), *each.texts("LABEL")]:
            for name, value in pairs(text).items():
                assert not re.search(r"(?i)passw|secret|token|_key|credential|fernet", name)
                assert "://" not in value
        assert not [source for source in copied(each) if ".env" in source or "secrets" in source]


@every_image
def test_what_runs_is_an_unprivileged_user_by_number_in_the_group_of_root(image: str) -> None:
    final = stages(dockerfile(image))[-1]
    expected = {"airflow": "50000:0", "mlflow": "10001:0"}[image]
    assert final.texts("USER") == [expected]
    after = [name for name, _ in final.instructions]
    assert "RUN" not in after[after.index("USER") :]
    assert f"--uid {expected.split(':')[0]} --gid 0" in " ".join(final.texts("RUN"))


@every_image
def test_the_last_stage_has_no_compiler_no_installer_and_no_cache(image: str) -> None:
    final = stages(dockerfile(image))[-1]
    assert final.base == "python"
    text = " ".join(final.texts("RUN"))
    installed = re.search(r"install --yes --no-install-recommends ([^&]*)", text)
    assert installed
    assert {word.split("=")[0] for word in installed[1].split()} <= {"libpq5", "tini"}
    assert "rm -rf /var/lib/apt/lists/*" in text
    assert "pip uninstall --yes" in text
    assert not re.search(r"\b(uv|pip install|gcc|build-essential|curl|wget)\b", text)
    sources = {words.split()[0] for words in final.texts("COPY")}
    assert sources <= {"--from=packages", "--from=postgres-client", "--from=project"}


@every_image
def test_what_runs_writes_no_bytecode_and_finds_it_compiled(image: str) -> None:
    final = stages(dockerfile(image))[-1]
    environment = pairs(" ".join(final.texts("ENV")))
    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"
    assert "compileall -q --invalidation-mode unchecked-hash" in " ".join(final.texts("RUN"))
    tools = pairs(" ".join(stage(image, "tools").texts("ENV")))
    assert tools["UV_COMPILE_BYTECODE"] == "1"
    assert tools["PYC_INVALIDATION_MODE"] == "UNCHECKED_HASH"


@every_image
def test_labels_name_the_image_as_oci_has_it(image: str) -> None:
    final = stages(dockerfile(image))[-1]
    labels = pairs(" ".join(final.texts("LABEL")))
    names = ("title", "description", "version", "revision", "source", "licenses")
    assert {f"org.opencontainers.image.{name}" for name in names} <= set(labels)
    assert labels["org.opencontainers.image.title"] == f"monitoring-{image}"
    assert labels["monitoring.sbom"] == "/opt/venv/sbom.cdx.json"
    arguments = pairs(" ".join(final.texts("ARG")))
    about = project()["project"]
    assert arguments["VERSION"] == about["version"]
    assert labels["org.opencontainers.image.licenses"] == about["license"]


@every_image
def test_entry_points_are_in_exec_form_behind_an_init(image: str) -> None:
    final = stages(dockerfile(image))[-1]
    for instruction in ("ENTRYPOINT", "CMD"):
        (words,) = final.texts(instruction)
        assert all(isinstance(word, str) for word in json.loads(words))
    assert json.loads(final.texts("ENTRYPOINT")[0])[0] == "tini"


@every_image
def test_what_is_copied_exists(image: str) -> None:
    for each in stages(dockerfile(image)):
        for source in copied(each):
            assert (ROOT / source).exists(), source


def lets_through(path: str, patterns: list[str]) -> bool:
    """Return what Docker would: the last pattern that fits the path, or a folder of it, decides."""
    kept = True
    parts = path.split("/")
    parents = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    for pattern in patterns:
        keeps, bare = pattern.startswith("!"), pattern.lstrip("!")
        everywhere, tail = bare.startswith("**/"), bare.removeprefix("**/")
        # fnmatch's star crosses folders, and these patterns have it in last place only.
        wanted = re.compile(translate(tail))
        named = parts if everywhere else parents
        if any(wanted.match(each) for each in named):
            kept = keeps
    return kept


def files(folder: Path) -> Iterator[str]:
    for path, folders, names in os.walk(folder):
        if Path(path) == ROOT:
            folders[:] = [name for name in folders if not name.startswith(".")]
        yield from ((Path(path) / name).relative_to(ROOT).as_posix() for name in names)


def test_the_context_is_exactly_what_the_images_copy() -> None:
    text = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    patterns = [line for line in text.splitlines() if line and not line.startswith("#")]
    sources = {
        source for image in IMAGES for each in stages(dockerfile(image)) for source in copied(each)
    }
    for path in files(ROOT):
        wanted = (
            any(path == source or path.startswith(f"{source}/") for source in sources)
            and not path.startswith("dags/examples/")
            and not re.search(r"(^|/)__pycache__/|\.py[cod]$", path)
        )
        assert lets_through(path, patterns) == wanted, path


@pytest.mark.parametrize(
    "path",
    [".env", "docker/.env", "docker/secrets/airflow_passwords.json", ".git/config", "tests/a.py"],
)
def test_secrets_and_history_never_reach_the_builder(path: str) -> None:
    text = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    patterns = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert not lets_through(path, patterns)
