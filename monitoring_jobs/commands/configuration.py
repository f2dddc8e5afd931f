"""The command ``settings``: the tables of docs/operations/configuration.md, written from code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from inspect import cleandoc
from pathlib import Path
from typing import get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from monitoring_jobs.settings import CONNECTION_PREFIX, Settings, environment_names


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of the environment.

    Attributes:
        name: Its name.
        default: What holds where it is not set; may be empty.
        meaning: What it says, in Markdown.
        secret: Whether its value is one, or may hold one.
    """

    name: str
    default: str
    meaning: str
    secret: bool = False


_NOTICES = "[failures and late evaluations](../airflow.md#when-a-job-fails-or-is-late)"
# dags/ may not be imported from here; a test holds this table against what is read there.
DAGS = (
    Variable("MONITORING_EXTRACT_SCHEDULE", "@hourly", "cron of `extract_mlflow_runs`, UTC"),
    Variable("MONITORING_MAINTAIN_SCHEDULE", "30 3 * * *", "cron of `maintain_store`, UTC"),
    Variable(
        "MONITORING_RETENTION_DAYS",
        "",
        "age at which evaluations leave Postgres, whole months at a time; empty keeps all",
    ),
    Variable(
        "MONITORING_REPORT_RETENTION_DAYS",
        "",
        "age at which evaluations and reports leave the report store; empty keeps all",
    ),
    Variable(
        "MONITORING_NOTIFY_EMAIL", "", f"addresses, separated by commas, that hear of {_NOTICES}"
    ),
    Variable(
        "MONITORING_NOTIFY_EMAIL_CONN", "smtp_default", "Airflow connection of the mail server"
    ),
    Variable(
        "MONITORING_NOTIFY_OWNER",
        "false",
        "whether a monitor's `owner` hears of it too, where that is an address",
    ),
    Variable("MONITORING_NOTIFY_SLACK", "", "Airflow connection of a Slack webhook that is told"),
)
LIBRARIES = (
    Variable("AWS_ACCESS_KEY_ID", "", "key of the object storage", secret=True),
    Variable("AWS_SECRET_ACCESS_KEY", "", "its secret part", secret=True),
    Variable("AWS_ENDPOINT_URL", "", "object storage that is not Amazon's"),
    Variable("MLFLOW_S3_ENDPOINT_URL", "", "the same, for the report store alone; the old name"),
    Variable("AWS_DEFAULT_REGION", "", "region, where the storage asks for one"),
    Variable("MLFLOW_TRACKING_USERNAME", "", "login of the tracking server"),
    Variable("MLFLOW_TRACKING_PASSWORD", "", "its password", secret=True),
    Variable("MLFLOW_HTTP_REQUEST_TIMEOUT", "60", "seconds that one request to MLflow may take"),
    Variable("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2", "how often MLflow's client asks again"),
)


def settings_tables() -> str:
    """Return what is read from the environment, without a line end at its end."""
    return "\n\n".join(
        [
            _table(_jobs()),
            "The Dags read some more when they are parsed:",
            _table(DAGS),
            "Clients of object storage and of MLflow read these by themselves:",
            _table(LIBRARIES),
        ]
    )


def _jobs() -> Iterator[Variable]:
    meanings = _attributes(Settings.__doc__ or "")
    for name, field in Settings.model_fields.items():
        variable, *older = environment_names(name)
        if name == "connections":
            variable = f"{CONNECTION_PREFIX}<NAME>"
        meaning = _in_variables(meanings[name])
        if older:
            meaning += f"; old name {', '.join(f'`{old}`' for old in older)}"
        yield Variable(variable, _default(field), meaning, _is_secret(field.annotation))


def _attributes(docstring: str) -> dict[str, str]:
    """Return what a Google docstring says of each attribute."""
    _, _, text = cleandoc(docstring).partition("Attributes:\n")
    found = re.findall(r"^    (\w+): ((?:.|\n(?=     ))*)", text, flags=re.MULTILINE)
    return {name: " ".join(meaning.split()).rstrip(".") for name, meaning in found}


def _in_variables(meaning: str) -> str:
    """Write settings as the variables that they are read from, and code as Markdown has it."""
    for name in Settings.model_fields:
        if "_" in name:
            meaning = re.sub(rf"\b{name}\b", environment_names(name)[0], meaning)
    marked = re.sub(r"(?<!`)\b[A-Z]+_[A-Z_]+\b(?:<NAME>)?", r"`\g<0>`", meaning)
    return marked.replace("``", "`").replace("|", "\\|")


def _default(field: FieldInfo) -> str:
    # One that is made when it is asked for is another on every machine: the meaning tells of it.
    return str(field.default) if field.default_factory is None and field.default else ""


def _is_secret(annotation: object) -> bool:
    return annotation is SecretStr or any(_is_secret(part) for part in get_args(annotation))


def _table(variables: Iterable[Variable]) -> str:
    home = str(Path.home())
    rows = (
        f"| `{v.name}` | {f'`{v.default}`'.replace(home, '~') if v.default else ''} "
        f"| {'yes' if v.secret else ''} | {v.meaning[0].upper()}{v.meaning[1:]} |"
        for v in variables
    )
    return "\n".join(["| variable | default | secret | meaning |", "|---|---|---|---|", *rows])
