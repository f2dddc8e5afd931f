"""Where the SQL lies, and how a named block of it is found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

_BLOCK = re.compile(r"^-- name: (\w+)[^\n]*\n", re.MULTILINE)


@cache
def sql_folder() -> Path:
    """Return the copy of ``sql/`` inside the installed package, or that of the source tree.

    Raises:
        FileNotFoundError: The installation is incomplete.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "sql", package.parent / "sql"):
        if (folder / "schema.sql").is_file():
            return folder
    raise FileNotFoundError("monitoring-jobs is installed without its sql folder; install it again")


@cache
def queries(name: str) -> Mapping[str, str]:
    """Return the blocks of ``sql/queries/<name>.sql`` by their names.

    A block begins with a line ``-- name: block_name`` and ends where the next one begins.

    Raises:
        ValueError: Two blocks have one name.
    """
    text = (sql_folder() / "queries" / f"{name}.sql").read_text(encoding="utf-8")
    _, *parts = _BLOCK.split(text)
    blocks = dict(zip(parts[::2], (body.strip() for body in parts[1::2]), strict=True))
    if len(blocks) * 2 != len(parts):
        raise ValueError(f"two blocks of {name}.sql have one name")
    return MappingProxyType(blocks)


def script(name: str) -> str:
    """Return the text of ``sql/<name>.sql``."""
    return (sql_folder() / f"{name}.sql").read_text(encoding="utf-8")
