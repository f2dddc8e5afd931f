"""Calls of MLflow's own client: with our limits, and with our errors."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from monitoring_jobs.tracking.address import split_credentials
from monitoring_jobs.tracking.environment import in_environment, limit
from monitoring_jobs.tracking.errors import (
    ForeignAnswer,
    foreign_answer,
    is_of_a_storage_client,
    translated,
)

if TYPE_CHECKING:
    from mlflow.store.artifact.artifact_repo import ArtifactRepository
    from mlflow.tracking import MlflowClient

T = TypeVar("T")


class Server:
    """An MLflow server, asked through its client; from several threads at once, if need be.

    Args:
        uri: ``http(s)://`` address; a user and password in it are used and never shown.
        timeout_seconds: For one request; by default MLFLOW_HTTP_REQUEST_TIMEOUT, or a minute.
        retries: Of one request; by default MLFLOW_HTTP_REQUEST_MAX_RETRIES, or 2.

    Raises:
        InvalidSettings: The address is not one of a server.

    All methods raise ``TrackingUnavailable`` when trying again may help, and ``TrackingRefused``
    when it will not.
    """

    def __init__(self, uri: str, *, timeout_seconds: int | None, retries: int | None) -> None:
        self.address, user, self._password = split_credentials(uri)
        # Telemetry is looked at when mlflow is imported, and by a thread of its own ever after.
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        self._environment = {
            "MLFLOW_ALLOW_HTTP_REDIRECTS": "false",
            "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
            "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
            **limit("MLFLOW_HTTP_REQUEST_TIMEOUT", timeout_seconds, 60),
            **limit("MLFLOW_HTTP_REQUEST_MAX_RETRIES", retries, 2),
            # A server that says "come back in an hour" must not hold a worker for an hour.
            "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
        }
        if user:
            self._environment["MLFLOW_TRACKING_USERNAME"] = user
            self._environment["MLFLOW_TRACKING_PASSWORD"] = self._password
        self._opened: MlflowClient | None = None

    def ask(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of MLflow's client by its name."""
        return self.call(lambda: getattr(self._client(), method)(*args, **kwargs))

    def pages(self, search: str, **arguments: Any) -> Iterator[list[Any]]:
        """Yield the pages that a search of MLflow's client finds, none of them empty."""
        token: str | None = None
        while True:
            page = self.ask(search, **arguments, page_token=token)
            if page:
                yield list(page)
            token = page.token
            if not token:
                return

    def search(
        self, endpoint: str, key: str, take: Callable[[Mapping[str, Any]], T], **body: Any
    ) -> Iterator[list[T]]:
        """Yield the pages that a search of MLflow's REST interface finds, none of them empty.

        MLflow's transport and credentials serve here too; what is spared is its detour by protobuf
        and entities, which takes a third of the time that the server does.

        Args:
            endpoint: Such as ``runs/search``.
            key: Of the found in the answer.
            take: Makes of each one what is yielded.
            body: The search.
        """
        token: str = ""
        while True:
            more = {"page_token": token} if token else {}
            page, token = self.call(partial(self._found, endpoint, key, take, {**body, **more}))
            if page:
                yield page
            if not token:
                return

    def call(self, function: Callable[[], T]) -> T:
        """Call a function of MLflow; an answer that is not MLflow's is asked for once more."""
        try:
            return self._call_once(function)
        except ForeignAnswer:
            return self._call_once(function)

    def repository(self, artifact_uri: str) -> ArtifactRepository:
        """Open where artifacts lie; its methods are for ``call``."""

        def open_repository() -> ArtifactRepository:
            from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

            return get_artifact_repository(
                artifact_uri, tracking_uri=self.address, registry_uri=self.address
            )

        return self.call(open_repository)

    def _found(
        self,
        endpoint: str,
        key: str,
        take: Callable[[Mapping[str, Any]], T],
        body: Mapping[str, Any],
    ) -> tuple[list[T], str]:
        answer = self._post(f"/api/2.0/mlflow/{endpoint}", body)
        try:
            return [take(one) for one in answer.get(key) or ()], answer.get("next_page_token") or ""
        except (AttributeError, KeyError, TypeError, ValueError) as exc:
            raise foreign_answer(self.address, "other JSON") from exc

    def _post(self, endpoint: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        from mlflow.utils.credentials import get_default_host_creds
        from mlflow.utils.rest_utils import http_request, verify_rest_response

        credentials = get_default_host_creds(self.address)  # type: ignore[no-untyped-call]
        response = http_request(  # type: ignore[no-untyped-call]
            credentials, endpoint, "POST", json=body
        )
        with suppress(ValueError):
            answer = json.loads(response.content)
            if response.status_code == 200 and isinstance(answer, dict):
                return answer
        # Raises what MLflow's client does; what it lets pass is an answer without a body.
        verified: Mapping[str, Any] = verify_rest_response(response, endpoint).json()
        return verified

    def _client(self) -> MlflowClient:
        if self._opened is None:
            from mlflow.tracking import MlflowClient

            self._opened = MlflowClient(tracking_uri=self.address, registry_uri=self.address)
        return self._opened

    def _call_once(self, function: Callable[[], T]) -> T:
        with in_environment(self._environment):
            import requests
            from google.protobuf.json_format import ParseError  # type: ignore[import-untyped]
            from mlflow.exceptions import MlflowException

            try:
                return function()
            except Exception as exc:
                ours = (MlflowException, requests.RequestException, ParseError, OSError)
                # MLflow fetches artifacts straight from where they lie, if the server says so.
                if not isinstance(exc, ours) and not is_of_a_storage_client(exc):
                    raise
                told = self._password and self._password in str(exc)
                raise translated(exc, self.address, self._password) from (None if told else exc)
