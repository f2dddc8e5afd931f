"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_PRIVATE, _SHARED = 0o600, 0o666


@contextmanager
def whole_file(path: Path, *, private: bool = False, lasting: bool = True) -> Iterator[IO[bytes]]:
    """Write a file under another name, which ends in ``.tmp``, and rename it at the end.

    Args:
        path: Its name; what has it is replaced. Its folder must exist.
        private: Nobody but its owner may read it.
        lasting: It survives a power cut. What can be made again need not, and is written sooner.

    Raises:
        OSError: The disk is full or may not be written; nothing is left behind then.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    mode = _PRIVATE if private else _SHARED  # less what the process's umask takes away
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            if lasting:
                os.fsync(descriptor)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    if lasting:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
