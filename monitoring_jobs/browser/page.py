"""What goes back to a browser: a status, a body, and headers that keep it harmless."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from monitoring_jobs.browser.elements import Markup, Node, element, together

_CLOSED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "form-action 'self'; frame-src 'self'; frame-ancestors 'self'; base-uri 'none'"
)
# What Evidently's viewer needs to draw: its script compiles shaders and draws into images. The
# sandbox takes the page's origin away: no cookies, no storage, nothing of Airflow is in reach.
_REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; connect-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_STATIC = {
    "style.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
}
_OK = 200
_LONGEST_TITLE = 200
_FOLDER = Path(__file__).resolve().parent / "static"


@dataclass(frozen=True, slots=True)
class Page:
    """An answer.

    Attributes:
        status: HTTP status.
        body: HTML, CSS or a script.
        headers: All that must go with it, Content-Type included.
    """

    status: int
    body: str | bytes
    headers: Mapping[str, str]


def document(
    title: str,
    *content: Node,
    root: str | None,
    status: int = 200,
    current: str = "",
    has_bar: bool = True,
) -> Page:
    """Return a page of the browser.

    Args:
        title: Its title, of plain text.
        content: What stands in its main part.
        root: Relative address of the plugin's root, ``""``, ``"../"`` or ``"../../"``; None for a
            page that does not know where it is shown: it has neither style nor navigation.
        status: HTTP status.
        current: Which page of the navigation this is: monitors or evaluations.
        has_bar: Whether it has a navigation of its own.
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{title[:_LONGEST_TITLE]} · Monitoring"),
        None if root is None else _assets(root),
    )
    body = element(
        "body",
        element("a", "Skip to content", href="#content", class_="skip"),
        _bar(root, current) if has_bar and root is not None else None,
        element("main", *content, id="content", tabindex="-1"),
        # Pages about errors tell no time.
        element("footer", "All times are UTC.") if root is not None and status == _OK else None,
    )
    return html(f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n", status)


def html(text: str, status: int = 200) -> Page:
    """Return HTML of our own with the strict policy."""
    return Page(status, text, _headers("text/html; charset=utf-8", policy=_PAGE_POLICY))


def report(text: str) -> Page:
    """Return a report: somebody else's scripts, in a sandbox."""
    return Page(200, text, _headers("text/html; charset=utf-8", policy=_REPORT_POLICY))


def error_page(status: int, title: str, text: str, *, root: str | None = None) -> Page:
    """Return a page that says what is wrong, and nothing of what was asked for.

    Args:
        status: HTTP status.
        title: A few words.
        text: A sentence or two: what to do.
        root: As for ``document``; without it the page has no style.
    """
    heading = element("h1", title)
    return document(title, heading, element("p", text), root=root, status=status)


def elsewhere(href: str) -> Page:
    """Return the way to another page of the browser."""
    return Page(303, "", {**_headers("text/plain", policy="default-src 'none'"), "Location": href})


def not_found(text: str, *, root: str | None = None) -> Page:
    """Return the page of what does not exist."""
    return error_page(404, "Not found", text, root=root)


def static(name: str) -> Page:
    """Return a file of the pages; they ask for it by its content's hash, so it may be kept."""
    kind = _STATIC.get(name)
    if kind is None:
        return not_found("There is no such file.")
    keep = "private, max-age=86400"
    return Page(200, _content(name), _headers(kind, policy="default-src 'none'", keep=keep))


def _headers(kind: str, *, policy: str, keep: str = "private, no-store") -> Mapping[str, str]:
    return MappingProxyType(
        {
            "Content-Type": kind,
            "Content-Security-Policy": policy,
            "Cache-Control": keep,
            **_CLOSED,
        }
    )


def _assets(root: str) -> Markup:
    return together(
        element("link", rel="stylesheet", href=f"{root}static/style.css?v={_version('style.css')}"),
        element("script", src=f"{root}static/page.js?v={_version('page.js')}"),
    )


def _bar(root: str, current: str) -> Markup:
    entries = (("monitors", "Monitors", root or "./"), ("evaluations", "Windows", "evaluations"))
    links = [
        element(
            "a",
            text,
            href=href if href.startswith(".") else root + href,
            aria_current="page" if name == current else None,
        )
        for name, text, href in entries
    ]
    return element("header", element("nav", links, aria_label="Monitoring"), class_="bar")


@cache
def _content(name: str) -> bytes:
    return (_FOLDER / name).read_bytes()


@cache
def _version(name: str) -> str:
    return hashlib.blake2b(_content(name), digest_size=6).hexdigest()
