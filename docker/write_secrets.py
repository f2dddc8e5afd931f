"""Write docker/.env and docker/secrets: strong random values for all that the stack keeps secret.

``python3 docker/write_secrets.py [FOLDER]`` needs nothing but Python. It adds what is missing and
leaves what is there; run it again after an upgrade, or after SMTP_PASSWORD has changed. FOLDER is
``docker`` itself unless another is named.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# What others hand out, for alertmanager.yml: made empty, to be filled by hand.
HANDED_OUT = ("smtp_password", "slack_url", "pagerduty_routing_key", "webhook_token")

# What people write and Compose understands: export, spaces, quotes, a comment behind the value.
_ASSIGNMENT = re.compile(
    r"""\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*[=:]\s*
    (?:(?P<quote>["'])(?P<quoted>.*?)(?P=quote)|(?P<bare>(?:(?![ ]\#).)*?))(?:\s*[ ]\#.*|\s*)""",
    re.VERBOSE,
)
# They become parts of URLs and of JSON, where anything else would need quotes of three kinds.
_PLAIN = re.compile(r"[A-Za-z0-9._~=-]+")
_SHORTEST = 16
# Of a password that is not ours to choose; it stands in JSON, and in .env without quotes.
_QUOTES = re.compile(r"[\s\"'`$\\#]")


class Refused(Exception):
    """Something is in the way; the message says in one line what, and what to do."""


def main(arguments: list[str]) -> int:
    """Write what is missing; return 0, or 1 after one line about why not, or 2 for a wrong use."""
    if len(arguments) > 1 or any(argument.startswith("-") for argument in arguments):
        sys.stderr.write("usage: write_secrets.py [FOLDER]\n")
        return 2
    folder = Path(arguments[0]) if arguments else HERE
    try:
        for line in write(folder):
            sys.stdout.write(f"{line}\n")
    except Refused as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    except OSError as exc:
        place = exc.filename or folder
        sys.stderr.write(
            f"{place}: {exc.strerror}; make the folder writable, with room, or name another\n"
        )
        return 1
    return 0


def write(folder: Path) -> list[str]:
    """Bring .env and the files of secrets up to date; return what was done, a line each.

    Args:
        folder: Where .env and the folder secrets belong.

    Raises:
        Refused: A password that somebody chose would not work, or a file is not one.
        OSError: Something cannot be read or written.
    """
    example = (HERE / ".env.example").read_text(encoding="utf-8")
    path = folder / ".env"
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise Refused(f"{path} is not a plain file; move it away")
    before = _read(path) if path.exists() else None
    text, drawn = completed(example if before is None else before, example)
    values = assignments(text)
    _judge(values, assignments(example), path)
    done = []
    if text != before:
        _replace(path, text, 0o600)
        done.append(f"{path}: {len(drawn)} secrets drawn" if drawn else f"{path}: written")
    elif path.stat().st_mode & 0o077:
        path.chmod(0o600)
        done.append(f"{path}: readable by its owner only")
    done += _files(folder / "secrets", values.get("SMTP_PASSWORD", ""))
    return done or [f"{path} and {folder / 'secrets'} are complete"]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")  # some editors put a mark in front
    except ValueError:
        raise Refused(f"{path} is not in UTF-8; save it as that") from None


def completed(text: str, example: str) -> tuple[str, list[str]]:
    """Return a .env with a value for every secret of the example, and the names it had to draw."""
    drawn = []
    lines = text.splitlines()
    places = {
        found["name"]: number
        for number, line in enumerate(lines)
        if (found := _ASSIGNMENT.fullmatch(line))
    }
    there = assignments(text)
    for name in assignments(example):
        if there.get(name):
            continue
        line = f"{name}={draw(name)}"
        if name in places:
            lines[places[name]] = line
        else:
            lines.append(line)
        drawn.append(name)
    return "".join(f"{line}\n" for line in lines), drawn


def assignments(text: str) -> dict[str, str]:
    """Return the variables of a .env that are no comments; of two of one name the last."""
    found = (_ASSIGNMENT.fullmatch(line) for line in text.splitlines())
    return {match["name"]: match["quoted"] or match["bare"] or "" for match in found if match}


def draw(name: str) -> str:
    """Return a new value for a secret, of the form that its user asks for."""
    if name.endswith("_FERNET_KEY"):
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    if name.endswith("_ACCESS_KEY"):
        return secrets.token_hex(10).upper()
    if name.endswith("_JWT_SECRET"):
        return secrets.token_urlsafe(64)
    # No hyphen in front: programs would take it for an option.
    return "k" + secrets.token_urlsafe(32)


def _judge(values: dict[str, str], wanted: dict[str, str], path: Path) -> None:
    for name in wanted:
        # While Airflow's connections are encrypted anew, there are two keys with a comma between.
        value = values[name].replace(",", "") if name.endswith("_FERNET_KEY") else values[name]
        if not _PLAIN.fullmatch(value):
            raise Refused(
                f"{path}: {name} holds more than letters, digits and . _ ~ -; choose another,"
                " or leave it empty to have one drawn"
            )
        if len(values[name]) < _SHORTEST:
            raise Refused(
                f"{path}: {name} has fewer than {_SHORTEST} characters; choose a longer one,"
                " or leave it empty to have one drawn"
            )
    if _QUOTES.search(values.get("SMTP_PASSWORD", "")):
        raise Refused(
            f"{path}: SMTP_PASSWORD holds a space, a quote, a dollar, a backslash or a number sign,"
            " which compose.yaml cannot hand on; have the mail server give you another"
        )


def _files(folder: Path, smtp_password: str) -> list[str]:
    """Write the files that containers read; the folder keeps other users of the host out."""
    done = []
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    for name in HANDED_OUT:
        path = folder / name
        # The Alertmanager reads files only, all others take the same password from .env.
        wanted = smtp_password if name == "smtp_password" else ""
        if path.exists() and not path.is_file():  # as Docker makes one where it finds none
            raise Refused(f"{path} is not a plain file; move it away")
        if path.exists() and (not wanted or path.read_bytes() == wanted.encode()):
            continue
        _replace(path, wanted, 0o444)
        done.append(f"{path}: {'from .env' if wanted else 'empty; put yours there if you use it'}")
    return done


def _replace(path: Path, text: str, mode: int) -> None:
    """Write a file in one step: who reads it sees the old one or the new one."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        fresh.chmod(mode)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
