"""An auth manager with four people, for the API server that the tests start.

``admin`` may do anything; ``blind`` may read all Dags and see no plugins; ``narrow`` may see
plugins and read one Dag; for ``unlucky`` no Dag can be looked up.
"""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagDetails
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

NARROW = "monitor__wine_quality"


class FourPeople(SimpleAuthManager):
    """Knows admin, blind, narrow and unlucky."""

    def is_authorized_view(self, *, access_view: AccessView, user: SimpleAuthManagerUser) -> bool:
        """Refuse plugins to ``blind``."""
        if user.username == "blind" and access_view == AccessView.PLUGINS:
            return False
        return bool(super().is_authorized_view(access_view=access_view, user=user))

    def is_authorized_dag(
        self, *, user: SimpleAuthManagerUser, details: DagDetails | None = None, **more: Any
    ) -> bool:
        """Refuse all Dags but one to ``narrow``."""
        if user.username == "unlucky":
            raise RuntimeError("no answer about c4n4ry-5ecret")
        if user.username == "narrow" and (details is None or details.id != NARROW):
            return False
        return bool(super().is_authorized_dag(user=user, details=details, **more))
