"""What tells one content from another, with and without reading it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from monitoring_jobs.data import identity
from monitoring_jobs.data.files import DataFile
from monitoring_jobs.data.identity import fingerprint, hash_files
from monitoring_jobs.errors import DatasetMissing


def written(path: Path, content: bytes) -> DataFile:
    path.write_bytes(content)
    return DataFile(str(path), path.name)


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rely on files at once, as if they had been written a while ago."""
    monkeypatch.setattr(identity, "SETTLED_SECONDS", -1.0)


def test_the_hash_is_the_same_for_any_number_of_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "_PIECE", 1000)
    files = [written(tmp_path / name, os.urandom(size)) for name, size in (("a", 4321), ("b", 0))]
    assert len({hash_files(files, threads=threads) for threads in (1, 2, 7)}) == 1


def test_every_byte_counts_wherever_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "_PIECE", 1000)
    content = bytearray(3000)
    found = {hash_files([written(tmp_path / "file", content)])}
    for place in (0, 999, 1000, 2999):
        content[place] = 1
        found.add(hash_files([written(tmp_path / "file", content)]))
    found.add(hash_files([written(tmp_path / "file", content[:-1])]))
    assert len(found) == 6


def test_content_that_moves_from_one_file_to_the_next_is_another(tmp_path: Path) -> None:
    one = [written(tmp_path / "a", b"ab"), written(tmp_path / "b", b"c")]
    first = hash_files(one)
    other = [written(tmp_path / "a", b"a"), written(tmp_path / "b", b"bc")]
    assert hash_files(other) != first


@pytest.mark.usefixtures("settled")
def test_a_fingerprint_changes_with_every_change_of_a_file(tmp_path: Path) -> None:
    file = written(tmp_path / "file", b"one")
    first = fingerprint([file])
    assert first is not None
    assert fingerprint([file]) == first
    before = Path(file.path).stat()
    written(tmp_path / "file", b"two")
    os.utime(file.path, ns=(before.st_atime_ns, before.st_mtime_ns))  # as rsync and tar do
    assert fingerprint([file]) != first


def test_a_file_that_was_just_written_has_no_fingerprint(tmp_path: Path) -> None:
    assert fingerprint([written(tmp_path / "file", b"one")]) is None


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetMissing, match="gone"):
        fingerprint([DataFile(str(tmp_path / "gone"), "gone")])
