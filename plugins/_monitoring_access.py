"""Who may see what: Airflow's logins, and its permissions on Dags.

Who may see a monitor is who may read its Dag, ``monitor__<name>``; whoever may not is told so
before anything is looked up, so that nobody learns what exists.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection
from http import HTTPStatus
from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_view
from airflow.models.dag import DagModel
from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from monitoring_jobs.evaluation_ids import MONITOR_NAME, parse_evaluation_id
from monitoring_jobs.links import DAG_PREFIX

_DAG_ID = re.compile(r"[\w.-]{1,250}")


async def known(request: Request, user: GetUserDep) -> BaseUser:
    """Note that Airflow knows the user: what is refused before is refused for want of a login."""
    request.state.monitoring_user = user
    return user


def is_known(request: Request) -> bool:
    """Say whether Airflow knows who asks, whatever they may see."""
    return hasattr(request.state, "monitoring_user")


User = Annotated[BaseUser, Depends(known)]
EVERY_PAGE = (Depends(known), Depends(requires_access_view(AccessView.PLUGINS)))
"""What every page asks for: a login, and the right to see plugins."""


def require_dag(user: BaseUser, dag_id: str) -> None:
    """Refuse who may not read a Dag, whether there is one or not."""
    if not _DAG_ID.fullmatch(dag_id):
        raise HTTPException(HTTPStatus.NOT_FOUND)
    details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
    if not get_auth_manager().is_authorized_dag(method="GET", details=details, user=user):
        raise HTTPException(HTTPStatus.FORBIDDEN)


def require_monitor(user: BaseUser, name: str) -> None:
    """Refuse who may not read a monitor's Dag, whether there is one or not."""
    if not MONITOR_NAME.fullmatch(name):
        raise HTTPException(HTTPStatus.NOT_FOUND)
    require_dag(user, DAG_PREFIX + name)


def require_evaluation(user: BaseUser, evaluation_id: str) -> None:
    """Refuse who may not read the Dag of an evaluation's monitor, whether there is one or not."""
    try:
        monitor, _ = parse_evaluation_id(evaluation_id)
    except ValueError:
        raise HTTPException(HTTPStatus.NOT_FOUND) from None
    require_monitor(user, monitor)


def may_read(user: BaseUser, names: Collection[str]) -> set[str]:
    """Return the monitors among these names whose Dag a user may read."""
    dag_ids = [DAG_PREFIX + name for name in names]
    teams = DagModel.get_dag_id_to_team_name_mapping(dag_ids)
    by_team: defaultdict[str | None, set[str]] = defaultdict(set)
    for dag_id in dag_ids:
        by_team[teams.get(dag_id)].add(dag_id)
    manager = get_auth_manager()
    return {
        dag_id.removeprefix(DAG_PREFIX)
        for team, ids in by_team.items()
        for dag_id in manager.filter_authorized_dag_ids(
            dag_ids=ids, user=user, method="GET", team_name=team
        )
    }
