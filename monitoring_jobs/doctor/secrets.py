"""The last net: no secret of settings or environment is in a line, whoever wrote it there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from monitoring_jobs.doctor.findings import Finding
from monitoring_jobs.settings import Settings

_SHORTEST = 6  # shorter words, hidden, would make lines unreadable
_SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|ACCESS_KEY|_KEY$|CREDENTIAL", re.IGNORECASE)


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """Return every word that nobody may see, the longest first."""
    values = [
        _as_url(name, value.get_secret_value())
        for name in type(settings).model_fields
        if isinstance(value := getattr(settings, name), SecretStr)
    ]
    values += [value.get_secret_value() for value in settings.connections.values()]
    values += [settings.mlflow_tracking_uri or ""]
    values += [value for name, value in os.environ.items() if _SECRET_NAME.search(name)]
    words = {word for value in values for word in _words(value) if len(word) >= _SHORTEST}
    return tuple(sorted(words, key=len, reverse=True))


def concealed(finding: Finding, secrets: Iterable[str]) -> Finding:
    """Return a finding without the secrets that a service repeated."""
    message, cure = finding.message, finding.cure
    for secret in secrets:
        message, cure = message.replace(secret, "***"), cure.replace(secret, "***")
    return replace(finding, message=message, cure=cure)


def _as_url(setting: str, value: str) -> str:
    """Return an address with its scheme: ``host:port`` alone is no secret."""
    return f"http://{value}" if setting.endswith("_url") and "://" not in value else value


def _words(value: str) -> Iterator[str]:
    """Yield what is secret in a value: all of it, or the password and the query of a URL."""
    if "://" not in value:
        yield value
        return
    try:
        parts = urlsplit(value)
        password, token = parts.password, parts.username
    except ValueError:
        return
    if password:
        yield password
        yield unquote(password)
    elif token and parts.scheme.startswith("http"):  # http://token@host is a bearer token
        yield token
        yield unquote(token)
    if parts.query:
        yield parts.query
        yield from (text for _, _, text in (word.partition("=") for word in parts.query.split("&")))
