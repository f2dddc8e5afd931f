"""The pages of monitors, evaluations and reports, behind Airflow's login and permissions."""

from __future__ import annotations

import functools
import logging
import re
import traceback
from collections.abc import Callable, Mapping
from http import HTTPStatus
from urllib.parse import quote

import anyio
import anyio.to_thread
from _monitoring_access import (
    EVERY_PAGE,
    User,
    is_known,
    may_read,
    require_dag,
    require_evaluation,
    require_monitor,
)
from _monitoring_settings import RememberedBrowser
from fastapi import APIRouter, FastAPI, Request, Response
from starlette.exceptions import HTTPException

from monitoring_jobs.browser import Page, elsewhere, error_page
from monitoring_jobs.errors import (
    InvalidSettings,
    MissingDependency,
    MonitoringError,
    SchemaMismatch,
)
from monitoring_jobs.evaluation_ids import MONITOR_NAME
from monitoring_jobs.links import DAG_PREFIX

log = logging.getLogger(__name__)

_RUN_ID = re.compile(r"[^\x00-\x1f\x7f]{1,250}")

# Threads of our own: a database that hangs must not take those of Airflow's pages.
_THREADS = 8

_REFUSALS = {
    HTTPStatus.UNAUTHORIZED: ("Log in first", "Log in to Airflow, then open this page again."),
    HTTPStatus.FORBIDDEN: (
        "Not for you",
        "Whoever manages Airflow's users can let you see plugins and read the Dag of this monitor.",
    ),
    HTTPStatus.NOT_FOUND: ("Not found", "There is no such page, monitor or evaluation."),
    HTTPStatus.METHOD_NOT_ALLOWED: ("Not allowed", "These pages can be read, and nothing else."),
}

router = APIRouter()
browser = RememberedBrowser()


# --- the pages ------------------------------------------------------------------------------------
@router.get("/")
async def monitors(request: Request, user: User) -> Response:
    """All monitors that the user may see."""
    query, readable = dict(request.query_params), functools.partial(may_read, user)
    return await _answer(request, lambda: browser.get().monitors(query, readable))


@router.get("/evaluations")
async def evaluations(request: Request, user: User) -> Response:
    """The windows of all monitors that the user may see."""
    query, readable = dict(request.query_params), functools.partial(may_read, user)
    return await _answer(request, lambda: browser.get().evaluations(query, readable))


@router.get("/monitors/{name}")
async def monitor(name: str, request: Request, user: User) -> Response:
    """One monitor and its windows."""
    query = dict(request.query_params)
    readable = functools.partial(require_monitor, user, name)
    return await _answer(request, lambda: browser.get().monitor(name, query), after=readable)


@router.get("/monitors/{name}/latest")
async def latest_report(name: str, request: Request, user: User) -> Response:
    """The way to the report of a monitor's newest window."""
    readable = functools.partial(require_monitor, user, name)
    return await _answer(request, lambda: browser.get().latest_report(name), after=readable)


@router.get("/evaluations/{evaluation_id}")
async def evaluation(evaluation_id: str, request: Request, user: User) -> Response:
    """One evaluation and its measurements."""
    query = dict(request.query_params)
    readable = functools.partial(require_evaluation, user, evaluation_id)
    return await _answer(
        request, lambda: browser.get().evaluation(evaluation_id, query), after=readable
    )


@router.get("/evaluations/{evaluation_id}/report")
async def report(evaluation_id: str, request: Request, user: User) -> Response:
    """The report of an evaluation."""
    readable = functools.partial(require_evaluation, user, evaluation_id)
    return await _answer(request, lambda: browser.get().report(evaluation_id), after=readable)


@router.get("/drafts/{evaluation_id}")
async def draft(evaluation_id: str, request: Request, user: User) -> Response:
    """One evaluation that was not published."""
    query = dict(request.query_params)
    readable = functools.partial(require_evaluation, user, evaluation_id)
    return await _answer(request, lambda: browser.get().draft(evaluation_id, query), after=readable)


@router.get("/drafts/{evaluation_id}/report")
async def draft_report(evaluation_id: str, request: Request, user: User) -> Response:
    """The report of an evaluation that was not published."""
    readable = functools.partial(require_evaluation, user, evaluation_id)
    return await _answer(request, lambda: browser.get().draft_report(evaluation_id), after=readable)


@router.get("/run")
async def run(request: Request, user: User, dag_id: str = "", run_id: str = "") -> Response:
    """What a Dag run evaluated: the tab on Dag runs and task instances."""

    def make() -> Page:
        if not _RUN_ID.fullmatch(run_id):
            raise HTTPException(HTTPStatus.NOT_FOUND)
        require_dag(user, dag_id)
        return browser.get().dag_run(dag_id, run_id)

    return await _answer(request, make)


@router.get("/dag")
async def dag(request: Request, user: User, dag_id: str = "") -> Response:
    """The monitor of a Dag: the tab on Dags."""

    def make() -> Page:
        require_dag(user, dag_id)
        name = dag_id.removeprefix(DAG_PREFIX)
        if name == dag_id or not MONITOR_NAME.fullmatch(name):
            text = "This Dag evaluates no monitor; those that do are called monitor__ and a name."
            return _message(request, HTTPStatus.NOT_FOUND, "No monitor", text)
        return elsewhere(f"monitors/{quote(name)}")

    return await _answer(request, make)


@router.get("/static/{name}")
async def static(name: str, request: Request) -> Response:
    """Style and script of the pages."""
    return await _answer(request, lambda: browser.get().static(name))


@router.get("/{rest:path}")
async def nothing(rest: str) -> Response:  # noqa: ARG001 - any path that is none of the above
    """Whatever else is asked for: only who is logged in learns that it is not there."""
    raise HTTPException(HTTPStatus.NOT_FOUND)


# --- answers --------------------------------------------------------------------------------------
@functools.cache
def _threads() -> anyio.CapacityLimiter:
    return anyio.CapacityLimiter(_THREADS)


async def _answer(
    request: Request, make: Callable[[], Page], *, after: Callable[[], None] | None = None
) -> Response:
    """Make a page in a thread.

    Args:
        request: What was asked for.
        make: Makes the page.
        after: Refuses whoever may not see it, before anything is looked up; lists ask for each of
            their rows instead.
    """
    page = await anyio.to_thread.run_sync(_page, request, make, after, limiter=_threads())
    return _response(page)


def _page(request: Request, make: Callable[[], Page], after: Callable[[], None] | None) -> Page:
    try:
        if after is not None:
            after()
        return make()
    except HTTPException:
        raise
    except MonitoringError as exc:
        log.warning("monitoring page: %s", exc, extra={"action": "page_unavailable"})
        browser.forget()
        mendable = isinstance(exc, InvalidSettings | SchemaMismatch | MissingDependency)
        text = str(exc) if mendable else "The results database or the report store does not answer."
        status = HTTPStatus.SERVICE_UNAVAILABLE
        return _message(request, status, "Not available at the moment", text)
    except Exception as exc:  # noqa: BLE001 - a page must never show what went wrong inside
        return _broken(request, exc)


def _broken(request: Request, exc: Exception) -> Page:
    # Messages and lines of code may quote what was read: where it happened is enough to mend it.
    frames = traceback.extract_tb(exc.__traceback__)
    place = "\n".join(f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames)
    log.error("monitoring page: %s\n%s", type(exc).__name__, place, extra={"action": "page_broken"})
    text = "The page could not be made. The log of Airflow's API server says where it broke."
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return _message(request, status, "That should not have happened", text)


def _message(request: Request, status: HTTPStatus, title: str, text: str) -> Page:
    """Return a page that says what is wrong, in the style of the others."""
    return error_page(status, title, text, root=f"{request.scope['root_path']}/")


def _response(page: Page, more: Mapping[str, str] | None = None) -> Response:
    headers = {name.lower(): value for name, value in page.headers.items()}
    return Response(page.body, page.status, headers | dict(more or {}))


async def _refused(request: Request, exc: Exception) -> Response:
    """Answer what Airflow or the router refused: a page, and nothing of what was asked for."""
    status, headers = HTTPStatus.INTERNAL_SERVER_ERROR, None
    if isinstance(exc, HTTPException):
        status, headers = HTTPStatus(exc.status_code), exc.headers
    if status is HTTPStatus.FORBIDDEN and not is_known(request):
        status = HTTPStatus.UNAUTHORIZED  # Airflow says 403 to a token that is none
    title, text = _REFUSALS.get(status, (status.phrase, status.description))
    return _response(_message(request, status, title, text), headers)


async def _failed(request: Request, exc: Exception) -> Response:
    """Answer where the permission itself could not be checked."""
    return _response(_broken(request, exc))


def pages() -> FastAPI:
    """Return the pages, each behind Airflow's login and the right to see plugins."""
    app = FastAPI(
        title="Monitoring",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        dependencies=EVERY_PAGE,
        exception_handlers={HTTPException: _refused, Exception: _failed},
    )
    app.include_router(router)
    return app
