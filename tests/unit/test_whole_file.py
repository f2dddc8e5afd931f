"""Files appear whole or not at all, for whom they are meant."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitoring_jobs.whole_file import whole_file


@pytest.fixture
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("lasting", [True, False])
def test_the_old_content_is_there_until_the_new_is_whole(tmp_path: Path, lasting: bool) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with whole_file(path, lasting=lasting) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
        others = [other.name for other in tmp_path.iterdir() if other != path]
        assert len(others) == 1
        assert others[0].startswith(".file.")
        assert others[0].endswith(".tmp")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_breaks_off_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, error: type[BaseException]
) -> None:
    def break_off() -> None:
        with whole_file(path) as file:
            file.write(b"half of the n")
            raise error

    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(error):
        break_off()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("usual_umask")
def test_only_what_is_private_is_kept_from_others(tmp_path: Path) -> None:
    for private in (True, False):
        with whole_file(tmp_path / str(private), private=private):
            pass
    assert mode(tmp_path / "True") == 0o600
    assert mode(tmp_path / "False") == 0o644


def test_missing_folder_is_the_callers_to_make(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "none" / "file"):
        pass
    assert list(tmp_path.iterdir()) == []
