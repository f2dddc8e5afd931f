"""docker/.env: read as Compose reads it, changed in one step."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from monitoring_jobs.errors import InvalidSettings
from monitoring_jobs.whole_file import whole_file

# What people write and Compose understands: export, spaces, quotes, a comment behind the value.
_ASSIGNMENT = re.compile(
    r"""(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*[=:]\s*
    (?:(?P<quote>["'])(?P<quoted>.*?)(?P=quote)|(?P<bare>(?:(?![ ]\#).)*?))(?:\s*[ ]\#.*|\s*)""",
    re.VERBOSE,
)


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
        return {match["name"]: match["quoted"] or match["bare"] or "" for match in found if match}

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
            return self.path.read_text(encoding="utf-8-sig")
        except (OSError, ValueError) as exc:
            raise InvalidSettings(
                f"{self.path} cannot be read: {getattr(exc, 'strerror', None) or 'no text'}",
                "run as the user who ran make secrets",
            ) from exc

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep a second change of passwords away for as long as this one takes.

        Raises:
            InvalidSettings: One is under way.
        """
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as exc:
            raise InvalidSettings(
                f"another command changes passwords in {self.path}", "wait until it has ended"
            ) from exc
        finally:
            os.close(folder)

    def _replace(self, text: str) -> None:
        path = self.path.resolve()  # a link stays one
        try:
            with whole_file(path, private=True) as file:
                file.write(text.encode())
        except OSError as exc:
            raise InvalidSettings(
                f"{self.path} cannot be written: {exc.strerror}",
                "run as the user who ran make secrets, on a disk with room",
            ) from exc
