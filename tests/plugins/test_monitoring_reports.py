"""The plugin in Airflow's own API server, asked over HTTP byte by byte."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from urllib.parse import quote

import jwt
import pytest

from tests.fixtures.postgres import rows
from tests.plugins.conftest import CANARY, HOSTILE, JWT_SECRET, RUN, Answer, ApiServer, Results

NEEDLE = "zqxjneedle"
UNKNOWN_ID = "no_such_monitor--20261120T000000Z--20261121T000000Z"
WINE_MONITOR = "monitors/wine_quality"
EVALUATION = "evaluations/wine_quality--20261120T000000Z--20261121T000000Z"
PAGES = (
    "",
    "evaluations",
    WINE_MONITOR,
    f"evaluations/{UNKNOWN_ID}",
    "static/style.css",
    "nothing",
)

# One segment of a path each, as it goes over the wire; all bear a word that no answer may repeat.
TRAVERSALS = (
    f"../../etc/{NEEDLE}",
    f"..%2f..%2fetc%2f{NEEDLE}",
    f"%2e%2e%2f%2e%2e%2fetc%2f{NEEDLE}",
    f"%252e%252e%252f{NEEDLE}",
    f"..%5c..%5c{NEEDLE}",
    f"....//....//{NEEDLE}",
    f"/etc/{NEEDLE}",
    f"%2fetc%2f{NEEDLE}",
    f"file:%2f%2f%2fetc%2f{NEEDLE}",
    f"s3:%2f%2fbucket%2f{NEEDLE}",
    f"wine_quality%00{NEEDLE}",
    f"%00{NEEDLE}",
    f"{NEEDLE}%0d%0aset-cookie:%20a=b",
    f"{NEEDLE}%0a",
    NEEDLE * 800,
    f"%F0%9F%8D%B7{NEEDLE}",
    f"%ff%fe{NEEDLE}",
    f"%C0%AE%C0%AE%C0%AF{NEEDLE}",
    f"wine_quality--20261120T000000Z--20261121T000000Z{NEEDLE}",
    f"{NEEDLE}--20261121T000000Z--20261120T000000Z",
    f"{NEEDLE}--99991399T000000Z--99991399T000001Z",
    f"..--20261120T000000Z--20261121T000000Z{NEEDLE}",
    f"{NEEDLE}'%20OR%20'1'='1",
    f"%3Cscript%3Ealert('{NEEDLE}')%3C%2Fscript%3E",
    f"{{{{{NEEDLE}}}}}",
    f"%24%7Bjndi:{NEEDLE}%7D",
    f"%25s%25n{NEEDLE}",
)
INJECTIONS = (
    f"<script>alert('{NEEDLE}')</script>",
    f"\"><img src=x onerror=alert('{NEEDLE}')>",
    f"javascript:alert('{NEEDLE}')",
    f"'; DROP TABLE monitoring.evaluation; -- {NEEDLE}",
    f"' UNION SELECT usename, passwd FROM pg_shadow -- {NEEDLE}",
    f"%s %(x)s {{0}} {NEEDLE}",
    f"{NEEDLE}\x00",
    f"{NEEDLE}\r\nset-cookie: a=b",
    f"\U0001f377\u202e{NEEDLE}",
    NEEDLE * 400,
    "-1",
    "99999999999999999999",
    "NaN",
    "2026-13-45",
    "",
)


# Each ends a text of SQL in another way, and then does what would show.
SQL = tuple(
    f"{opening}; {statement}; -- "
    for opening, statement in (
        ("'", "DELETE FROM monitoring.evaluation"),
        ("\\'", "DELETE FROM monitoring.evaluation_attempt"),
        ("'::text[])", "TRUNCATE monitoring.measurement"),
        ("%(status)s'", "DROP SCHEMA monitoring CASCADE"),
        ("$$", "UPDATE monitoring.evaluation SET owner = 'x'"),
        ("0", "COMMIT; DROP VIEW monitoring.evaluations CASCADE"),
    )
)


class Markup(HTMLParser):
    """What would run in a page, and its words."""

    _ADDRESSES = ("action", "data", "formaction", "href", "src", "srcdoc")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.active: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "script" and not re.match(r"[./]*(monitoring/)?static/", given.get("src", "")):
            self.active.append(tag)
        if tag in ("embed", "img", "object"):
            self.active.append(tag)
        for name, value in given.items():
            if name.startswith("on"):
                self.active.append(name)
            scheme = value.strip().lower().partition(":")[0]
            if name in self._ADDRESSES and scheme in ("javascript", "data", "vbscript"):
                self.active.append(value)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def contents(results: Results) -> list[tuple[str, list[tuple[object, ...]]]]:
    """Return every row of every table and view of the results database."""
    names = rows(
        results.writer,
        "SELECT table_name FROM information_schema.tables "
        "WHERE table_schema = 'monitoring' ORDER BY table_name",
    )
    return [
        (name, rows(results.writer, f'SELECT t::text FROM monitoring."{name}" AS t ORDER BY 1'))
        for (name,) in names
    ]


def refuses_quietly(answer: Answer, status: int) -> None:
    """Assert a status, and that the answer says nothing of what was asked for."""
    assert answer.status == status, answer.text
    assert NEEDLE not in answer.text
    assert not any(NEEDLE in value for value in answer.headers.values())
    assert "set-cookie" not in answer.headers
    assert "Traceback" not in answer.text


def expired(token: str) -> str:
    """Return the same token, signed anew, that ended an hour ago."""
    claims = jwt.decode(token, options={"verify_signature": False})
    head = jwt.get_unverified_header(token)
    now = int(time.time())
    claims |= {"iat": now - 7200, "nbf": now - 7200, "exp": now - 3600}
    return jwt.encode(claims, JWT_SECRET, algorithm=head["alg"], headers={"kid": head.get("kid")})


# --- who may see what -----------------------------------------------------------------------------
@pytest.mark.parametrize("path", PAGES)
def test_f60_no_page_without_a_login(airflow: ApiServer, path: str) -> None:
    answer = airflow.page(path)
    assert answer.status == 401
    assert "text/html" in answer.headers["content-type"]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("how", ["authorization", "cookie"])
def test_f60_token_that_is_none_is_no_login(airflow: ApiServer, path: str, how: str) -> None:
    for token in ("nonsense", "a.b.c", expired(airflow.token("admin"))):
        value = f"Bearer {token}" if how == "authorization" else f"_token={token}"
        answer = airflow.ask(f"/monitoring/{path}", **{how: value})
        assert answer.status == 401, token


def test_f60_token_signed_by_another_is_no_login(airflow: ApiServer) -> None:
    claims = jwt.decode(airflow.token("admin"), options={"verify_signature": False})
    for forged in (
        jwt.encode(claims, "another secret that is quite as long as the right one is, or more: 64"),
        jwt.encode(claims, None, algorithm="none"),
    ):
        assert airflow.ask("/monitoring/", authorization=f"Bearer {forged}").status == 401


@pytest.mark.parametrize("path", PAGES)
def test_f60_no_page_without_the_right_to_see_plugins(airflow: ApiServer, path: str) -> None:
    assert airflow.page(path, "blind").status == 403


def test_f60_monitor_of_another_dag_is_refused_whether_it_exists_or_not(
    airflow: ApiServer, results: Results
) -> None:
    dag_runs = (f"run?dag_id={dag}&run_id=x" for dag in ("monitor__credit_risk", "another_dag"))
    for path in (
        "monitors/credit_risk",
        "monitors/credit_risk/latest",
        "monitors/no_such_monitor",
        f"evaluations/{results.credit.id}",
        f"evaluations/{results.credit.id}/report",
        f"drafts/{results.credit.id}",
        f"drafts/{results.credit.id}/report",
        f"evaluations/{UNKNOWN_ID}",
        "dag?dag_id=monitor__credit_risk",
        *dag_runs,
    ):
        answer = airflow.page(path, "narrow")
        assert answer.status == 403, path
        assert "credit_risk" not in answer.text
        assert "no_such" not in answer.text


def test_f60_own_monitor_is_shown_to_who_may_read_one_dag(
    airflow: ApiServer, results: Results
) -> None:
    for path in (
        WINE_MONITOR,
        f"evaluations/{results.wine.id}",
        f"evaluations/{results.wine.id}/report",
        f"drafts/{results.draft.id}",
        f"drafts/{results.draft.id}/report",
        f"run?dag_id={RUN.dag_id}&run_id={quote(RUN.run_id)}",
    ):
        assert airflow.page(path, "narrow").status == 200, path


@pytest.mark.parametrize("path", ["", "evaluations", "evaluations?q=credit_risk"])
def test_f60_lists_hold_what_the_user_may_see(airflow: ApiServer, path: str) -> None:
    everything, little = airflow.page(path, "admin"), airflow.page(path, "narrow")
    assert (everything.status, little.status) == (200, 200)
    assert "/credit_risk" in everything.text or "credit_risk--" in everything.text
    assert "monitors/credit_risk" not in little.text
    assert "credit_risk--" not in little.text
    assert "hostile" not in little.text


def test_cookie_and_bearer_token_both_log_in(airflow: ApiServer) -> None:
    token = airflow.token("narrow")
    assert airflow.ask("/monitoring/", cookie=f"_token={token}").status == 200
    assert airflow.ask("/monitoring/", authorization=f"Bearer {token}").status == 200
    assert airflow.ask("/monitoring/monitors/credit_risk", cookie=f"_token={token}").status == 403


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["", WINE_MONITOR, "static/style.css", "nothing"])
def test_pages_can_be_read_and_nothing_else(airflow: ApiServer, path: str, method: str) -> None:
    assert airflow.page(path, "admin", method=method).status == 405


@pytest.mark.parametrize("path", ["docs", "redoc", "openapi.json", "docs/oauth2-redirect"])
def test_routes_are_not_described(airflow: ApiServer, path: str) -> None:
    assert airflow.page(path).status == 401
    assert airflow.page(path, "admin").status == 404


# --- what is not there ----------------------------------------------------------------------------
def test_f60_unknown_is_not_found(airflow: ApiServer) -> None:
    for path in (
        "monitors/no_such_monitor",
        f"evaluations/{UNKNOWN_ID}",
        f"evaluations/{UNKNOWN_ID}/report",
        f"drafts/{UNKNOWN_ID}",
        f"drafts/{UNKNOWN_ID}/report",
        "static/nothing.css",
        "nothing",
    ):
        answer = airflow.page(path, "admin")
        assert answer.status == 404, path
        assert "no_such" not in answer.text


@pytest.mark.parametrize(
    "page",
    [
        "evaluations/{}",
        "evaluations/{}/report",
        "drafts/{}/report",
        "monitors/{}",
        "static/{}",
        "{}",
    ],
)
def test_f60_traversal_is_not_found_and_not_repeated(airflow: ApiServer, page: str) -> None:
    for attack in TRAVERSALS:
        # "{}" alone: the traversal may leave the plugin's prefix, never its login.
        refuses_quietly(airflow.page(page.format(attack), "admin"), 404)


@pytest.mark.parametrize("attack", TRAVERSALS[:12])
def test_f60_traversal_without_a_login_is_refused(airflow: ApiServer, attack: str) -> None:
    refuses_quietly(airflow.page(f"evaluations/{attack}"), 401)


@pytest.mark.parametrize("field", ["dag_id", "run_id"])
def test_f60_run_tab_finds_nothing_under_a_bad_id(airflow: ApiServer, field: str) -> None:
    for attack in (*TRAVERSALS, *map(quote, INJECTIONS)):
        query = {"dag_id": RUN.dag_id, "run_id": "manual"} | {field: attack}
        text = "&".join(f"{name}={value}" for name, value in query.items())
        answer = airflow.page(f"run?{text}", "admin")
        refuses_quietly(answer, answer.status)
        assert answer.status in (200, 404), "200: a fair question to which there is no evaluation"


def test_f60_bytes_that_are_no_address_reach_nothing(airflow: ApiServer) -> None:
    for raw in (b"/monitoring/\xc3\xa9", b"/monitoring/\xff\xfe", b"/monitoring/\x01"):
        authorization = f"Bearer {airflow.token('admin')}"
        assert airflow.ask(raw, authorization=authorization).status in (400, 404)


def test_f60_symlink_in_the_store_is_not_followed(airflow: ApiServer, results: Results) -> None:
    secret = results.store.parent / "secret.html"
    secret.write_text(f"<html>{NEEDLE}</html>", encoding="utf-8")
    folder = next(results.store.glob("credit_risk/*--*"))
    name = results.credit.report
    assert name is not None
    honest = (folder / name).read_bytes()
    (folder / name).unlink()
    (folder / name).symlink_to(secret)
    try:
        answer = airflow.page(f"evaluations/{results.credit.id}/report", "admin")
    finally:
        (folder / name).unlink()
        (folder / name).write_bytes(honest)
    refuses_quietly(answer, answer.status)
    assert answer.status in (404, 503)


# --- what is asked in the query -------------------------------------------------------------------
@pytest.mark.parametrize("path", ["", "evaluations", WINE_MONITOR, EVALUATION])
@pytest.mark.parametrize(
    "field",
    ["q", "model", "owner", "status", "from", "to", "page", "after", "view", "check", "unknown"],
)
def test_f57_query_is_inert(airflow: ApiServer, path: str, field: str) -> None:
    for attack in INJECTIONS:
        answer = airflow.page(f"{path}?{field}={quote(attack)}", "admin")
        assert answer.status in (200, 400, 404), attack
        assert "set-cookie" not in answer.headers
        assert not Markup(answer.text).active, attack
        assert "Traceback" not in answer.text


def test_f57_injected_sql_changes_nothing(airflow: ApiServer, results: Results) -> None:
    before = contents(results)
    assert any(found for _, found in before), "there is something to be lost"
    lists = ("q", "model", "owner", "status", "from", "to", "page", "after")
    measurements = ("status", "check", "segment", "column", "page", "view")
    for attack in SQL:
        text = quote(attack, safe="")
        ids = (
            "monitors/{}",
            "evaluations/{}",
            "evaluations/{}/report",
            "drafts/{}",
            "dag?dag_id={}",
        )
        paths = [page.format(text) for page in ids]
        paths += [f"evaluations/{text}--20261120T000000Z--20261121T000000Z"]
        paths += [f"{page}?{field}={text}" for page in ("", "evaluations") for field in lists]
        paths += [f"{WINE_MONITOR}?{field}={text}" for field in ("status", "from", "to", "after")]
        paths += [f"{EVALUATION}?{field}={text}" for field in measurements]
        paths += [f"run?dag_id={text}&run_id={text}", f"run?dag_id={RUN.dag_id}&run_id={text}"]
        for path in paths:
            assert airflow.page(path, "admin").status in (200, 404), path
    assert contents(results) == before


def test_f57_hostile_column_name_is_text(airflow: ApiServer, results: Results) -> None:
    answer = airflow.page(f"evaluations/{results.hostile.id}", "admin")
    assert answer.status == 200
    assert HOSTILE not in answer.text
    page = Markup(answer.text)
    assert not page.active
    assert HOSTILE in "".join(page.words), "shown, as text"


# --- how it is served -----------------------------------------------------------------------------
def test_f57_report_is_served_in_a_sandbox(airflow: ApiServer, results: Results) -> None:
    for path in (
        f"evaluations/{results.wine.id}/report",
        f"drafts/{results.draft.id}/report",
    ):
        answer = airflow.page(path, "admin")
        assert answer.status == 200
        policy = answer.headers["content-security-policy"]
        directives = [part.split() for part in policy.split(";")]
        sandbox = next(words[1:] for words in directives if words and words[0] == "sandbox")
        assert "allow-same-origin" not in sandbox, "scripts of a report are not Airflow's"
        assert "allow-top-navigation" not in sandbox
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-type"].startswith("text/html")


def test_every_answer_bears_the_headers_that_keep_it_in_place(
    airflow: ApiServer, results: Results
) -> None:
    for path, user in (
        ("", "admin"),
        (f"evaluations/{results.wine.id}", "admin"),
        ("nothing", "admin"),
        ("", None),
        ("", "blind"),
    ):
        headers = airflow.page(path, user).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "no-store" in headers["cache-control"]
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe-inline" not in policy
        assert "frame-ancestors 'self'" in policy


@pytest.mark.parametrize(("name", "kind"), [("style.css", "text/css"), ("page.js", "javascript")])
def test_style_and_script_are_served(airflow: ApiServer, name: str, kind: str) -> None:
    answer = airflow.page(f"static/{name}", "narrow")
    assert answer.status == 200
    assert kind in answer.headers["content-type"]


def test_run_tab_shows_what_the_run_evaluated(airflow: ApiServer, results: Results) -> None:
    answer = airflow.page(f"run?dag_id={RUN.dag_id}&run_id={quote(RUN.run_id)}", "admin")
    assert answer.status == 200
    assert results.wine.id in answer.text


@pytest.mark.parametrize("dag_id", ["extract_mlflow_runs", "monitor__credit_risk"])
def test_run_tab_of_a_run_that_evaluated_nothing_says_so(airflow: ApiServer, dag_id: str) -> None:
    answer = airflow.page(f"run?dag_id={dag_id}&run_id=manual__1", "admin")
    assert answer.status in (200, 404)
    assert "text/html" in answer.headers["content-type"]


def test_run_tab_shows_no_evaluation_of_another_monitor(
    airflow: ApiServer, results: Results
) -> None:
    run = f"run?dag_id=monitor__wine_quality&run_id={quote(RUN.run_id)}"
    assert "credit_risk" not in airflow.page(run, "narrow").text


def test_dag_tab_leads_to_the_monitor(airflow: ApiServer) -> None:
    answer = airflow.page("dag?dag_id=monitor__wine_quality", "admin")
    assert (answer.status, answer.headers["location"]) == (303, WINE_MONITOR)
    other = airflow.page("dag?dag_id=extract_mlflow_runs", "admin")
    assert other.status == 404
    assert "no monitor" in other.text


def test_airflow_offers_the_pages_where_they_belong(airflow: ApiServer) -> None:
    plugins = json.loads(airflow.ask("/api/v2/plugins", "admin").body)["plugins"]
    ours = next(plugin for plugin in plugins if plugin["name"] == "monitoring_reports")
    views = ours["external_views"]
    assert [view["destination"] for view in views] == ["nav", "dag", "dag_run", "task_instance"]
    assert len({view["url_route"] for view in views}) == len(views), "Airflow drops the second one"
    assert all(view["href"].startswith("monitoring/") for view in views), "kept below a prefix"
    errors = json.loads(airflow.ask("/api/v2/plugins/importErrors", "admin").body)
    assert errors["total_entries"] == 0


# --- when something is down -----------------------------------------------------------------------
@contextmanager
def stopped(results: Results) -> Iterator[None]:
    results.postgres.stop()
    try:
        yield
    finally:
        results.postgres.start()


def test_f61_postgres_down_is_said_and_airflow_stays(airflow: ApiServer, results: Results) -> None:
    with stopped(results):
        for path in ("", "evaluations", WINE_MONITOR, f"run?dag_id={RUN.dag_id}&run_id=x"):
            answer = airflow.page(path, "admin")
            assert answer.status == 503, path
            assert "does not answer" in answer.text
            assert str(results.postgres.sockets) not in answer.text
        assert airflow.page("").status == 401
        assert airflow.ask("/").status == 200
        assert airflow.ask("/api/v2/monitor/health").status == 200
    assert airflow.page("", "admin").status == 200


def test_f61_store_down_is_said_and_airflow_stays(airflow: ApiServer, results: Results) -> None:
    aside = results.store.with_name("aside")
    results.store.rename(aside)
    try:
        report = airflow.page(f"evaluations/{results.wine.id}/report", "admin")
        lists = [airflow.page(path, "admin").status for path in ("", "evaluations", WINE_MONITOR)]
    finally:
        aside.rename(results.store)
    assert report.status == 503
    assert str(results.store) not in report.text
    assert lists == [200, 200, 200]
    assert airflow.page(f"evaluations/{results.wine.id}/report", "admin").status == 200


def test_f61_permission_that_cannot_be_checked_is_no_permission(airflow: ApiServer) -> None:
    for path in ("", "evaluations", WINE_MONITOR, f"run?dag_id={RUN.dag_id}&run_id=x"):
        answer = airflow.page(path, "unlucky")
        assert answer.status == 500, path
        assert CANARY not in answer.text
        assert "Traceback" not in answer.text
        assert "wine_quality" not in answer.text
    assert "RuntimeError" in airflow.log.read_text()
    assert CANARY not in airflow.log.read_text()


def test_f63_log_of_the_server_holds_no_secret(airflow: ApiServer, results: Results) -> None:
    with stopped(results):
        airflow.page("", "admin")
    airflow.page(f"evaluations/{UNKNOWN_ID}", "admin")
    log = airflow.log.read_text()
    assert "monitoring page: " in log, "the cause is in the log"
    assert CANARY not in log
