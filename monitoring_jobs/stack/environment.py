"""docker/.env: read as Compose reads it, changed in one step."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Mapping
from pathlib import Path

from monitoring_jobs.errors import InvalidSettings

_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)")
_PRIVATE = 0o600


class Environment:
    """The variables of the stack; those of the shell win, as with Compose."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def require(self) -> None:
        """Make sure that the file is there.

        Raises:
            InvalidSettings: It is not.
        """
        if not self.path.is_file():
            raise InvalidSettings(
                f"{self.path} does not exist", "run make secrets, which writes it"
            )

    def get(self, name: str, default: str = "") -> str:
        """Return a variable, the default where it is empty or unset."""
        return os.environ.get(name) or self.written().get(name) or default

    def written(self) -> dict[str, str]:
        """Return what the file says, without the shell's.

        Raises:
            InvalidSettings: It cannot be read.
        """
        found = (_ASSIGNMENT.fullmatch(line.strip()) for line in self._text().splitlines())
        return {match["name"]: match["value"].strip().strip("'\"") for match in found if match}

    def change(self, values: Mapping[str, str | None]) -> None:
        """Set variables, or remove those whose value is None; all of them at once, or none.

        Raises:
            InvalidSettings: The file cannot be written.
        """
        left = dict(values)
        lines = []
        for line in self._text().splitlines():
            match = _ASSIGNMENT.fullmatch(line.strip())
            if match is None or match["name"] not in values:
                lines.append(line)
            elif (value := left.pop(match["name"], None)) is not None:
                lines.append(f"{match['name']}={value}")
        lines += [f"{name}={value}" for name, value in left.items() if value is not None]
        self._replace("".join(f"{line}\n" for line in lines))

    def _text(self) -> str:
        self.require()
        try:
            return self.path.read_text(encoding="utf-8")
        except (OSError, ValueError) as exc:
            raise InvalidSettings(
                f"{self.path} cannot be read: {getattr(exc, 'strerror', None) or 'no text'}",
                "run as the user who ran make secrets",
            ) from exc

    def _replace(self, text: str) -> None:
        fresh = self.path.with_name(f".{self.path.name}.{uuid.uuid4().hex}.tmp")
        try:
            try:
                descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                fresh.replace(self.path)
            finally:
                fresh.unlink(missing_ok=True)
        except OSError as exc:
            raise InvalidSettings(
                f"{self.path} cannot be written: {exc.strerror}",
                "run as the user who ran make secrets, on a disk with room",
            ) from exc
