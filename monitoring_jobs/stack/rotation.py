"""A password is replaced: in the service, in docker/.env, and in whatever uses it.

The new one is written down before the service learns of it. Whoever is interrupted runs the same
command again, which goes on with the password that is written down.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial

from monitoring_jobs.errors import InvalidSettings
from monitoring_jobs.stack.actions import Shape
from monitoring_jobs.stack.compose import Compose, StackFailed
from monitoring_jobs.stack.passwords import drawn, verifier
from monitoring_jobs.stack.places import url

ROLES = (
    "airflow",
    "mlflow",
    "monitoring_owner",
    "monitoring_writer",
    "monitoring_reader",
    "monitoring_exporter",
)
ADMINISTRATORS = {"airflow-admin": "AIRFLOW_ADMIN", "grafana-admin": "GRAFANA_ADMIN"}
NAMES = (*ROLES, *ADMINISTRATORS)

_PENDING = "_NEXT"

Change = Callable[[str], None]


def rotate(compose: Compose, name: str) -> tuple[str, str] | None:
    """Give a role or an administrator a new password.

    Returns:
        User and password, where a person logs in with them; None where only services do.

    Raises:
        InvalidSettings: Nothing here has that name, or the shell has a password of its own.
        StackFailed: The service or the start of what uses it failed; do it again.
    """
    variable, change = _subject(compose, name)
    environment = compose.environment
    if os.environ.get(variable):
        raise InvalidSettings(
            f"{variable} is set in the shell, where it wins over {environment.path}", "unset it"
        )
    with environment.alone():
        password = _replace(compose, variable, change)
    if name not in ADMINISTRATORS:
        return None
    return environment.get(f"{ADMINISTRATORS[name]}_USER", "admin"), password


def _replace(compose: Compose, variable: str, change: Change) -> str:
    environment = compose.environment
    containers = compose.containers()
    pending = f"{variable}{_PENDING}"
    password = environment.written().get(pending)
    if not password:
        password = drawn()
        environment.change({pending: password})
    change(password)
    environment.change({variable: password, pending: None})
    shape = Shape.found(containers)
    compose.show(*shape.up(), more=shape.variables)
    return password


def _subject(compose: Compose, name: str) -> tuple[str, Change]:
    """Return where a password is written down, and what tells its service of a new one."""
    if name in ROLES:
        return f"POSTGRES_{name.upper()}_PASSWORD", partial(_change_role, compose, name)
    if name not in ADMINISTRATORS:
        raise InvalidSettings(f"there is no password of {name!r}", f"use {', '.join(NAMES)}")
    # Airflow's API server reads its administrator's password whenever it starts.
    change = partial(_change_grafana, compose) if name == "grafana-admin" else _nothing
    return f"{ADMINISTRATORS[name]}_PASSWORD", change


def _nothing(_password: str) -> None:
    """Tell nobody."""


def _change_role(compose: Compose, role: str, password: str) -> None:
    # By the socket, on which the administrator needs no password.
    statement = f"ALTER ROLE {role} PASSWORD '{verifier(password)}';\n"
    compose.capture(
        *("exec", "-T", "postgres", "psql", "--no-psqlrc", "--quiet", "--no-password"),
        *("--set=ON_ERROR_STOP=1", "--username=postgres", "--dbname=postgres"),
        text=statement,
    )


def _change_grafana(compose: Compose, password: str) -> None:
    """Change the administrator's password by Grafana's API, which asks for the old one."""
    environment = compose.environment
    user = environment.get("GRAFANA_ADMIN_USER", "admin")
    old = environment.written().get("GRAFANA_ADMIN_PASSWORD", "")
    address = f"{url(environment, 'grafana')}/api"
    if _ask(f"{address}/org", user, password) == 200:
        return  # an earlier attempt got as far as this
    wanted = {"oldPassword": old, "newPassword": password, "confirmNew": password}
    status = _ask(f"{address}/user/password", user, old, wanted)
    if status != 200:
        raise StackFailed(
            f"Grafana does not change the password of {user}: "
            f"{'the old one in .env is not right' if status == 401 else f'HTTP {status}'}",
            f"{compose.shown} exec grafana grafana cli admin reset-admin-password"
            " --password-from-stdin sets that of .env",
        )


def _ask(address: str, user: str, password: str, body: object = None) -> int:
    """Return the status with which Grafana answers to a GET, or to a PUT where there is a body."""
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    request = urllib.request.Request(  # noqa: S310 - http, on this host
        address,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Basic {login}", "Content-Type": "application/json"},
        method="GET" if body is None else "PUT",
    )
    try:
        # A proxy of the environment is not for this host, and must not hear of passwords.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as exc:
        exc.close()
        return exc.code
    except (OSError, http.client.HTTPException) as exc:
        raise StackFailed(
            "Grafana does not answer", "monitoring-jobs stack status says how it is"
        ) from exc
