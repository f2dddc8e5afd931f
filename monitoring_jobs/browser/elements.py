"""HTML as a tree of calls: what comes from data can be text or an address, never markup."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from monitoring_jobs.reports.markup import visible

_VOID = frozenset({"br", "input", "link", "meta"})
_ADDRESSES = frozenset({"action", "href", "src"})
_NAME = re.compile(r"[a-z][A-Za-z0-9-]*")
_SCHEMES = ("", "http", "https")


@dataclass(frozen=True, slots=True)
class Markup:
    """HTML that is finished: made by ``element`` and its kin alone."""

    text: str

    def __str__(self) -> str:
        return self.text


Node = Markup | str | int | None | Iterable["Node"]
Attribute = str | int | bool | None

NOTHING = Markup("")


def element(tag: str, /, *children: Node, **attributes: Attribute) -> Markup:
    """Return an element.

    Args:
        tag: Its name.
        children: Text is escaped; None is nothing; lists are taken one by one.
        attributes: ``class_`` is class, ``data_leave`` is data-leave. None and False leave an
            attribute out, True writes its name alone, and so is left out an address that is neither
            relative nor of http.
    """
    opening = f"<{tag}{''.join(_attributes(attributes))}>"
    return Markup(opening if tag in _VOID else f"{opening}{together(*children)}</{tag}>")


def together(*nodes: Node) -> Markup:
    """Return nodes one after the other."""
    return Markup("".join(_texts(nodes)))


def escaped(text: str) -> str:
    """Return text for an element or a quoted attribute; control and direction marks show."""
    return html.escape(text if text.isprintable() else visible(text), quote=True)


def is_safe(address: str) -> bool:
    """Say whether a link may lead there: a relative address, or one of http or https."""
    if not address.isprintable() or "\\" in address or address.startswith("//"):
        return False
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in _SCHEMES and not address.lstrip().startswith(":")


def _attributes(given: dict[str, Attribute]) -> Iterable[str]:
    for key, value in given.items():
        name = key.rstrip("_").replace("_", "-")
        if not _NAME.fullmatch(name) or name.startswith("on") or name == "style":
            raise ValueError(f"{name} is no attribute of these pages")
        if value is None or value is False:
            continue
        if value is True:
            yield f" {name}"
        elif name not in _ADDRESSES or is_safe(str(value)):
            yield f' {name}="{escaped(str(value))}"'


def _texts(nodes: Iterable[Node]) -> Iterable[str]:
    for node in nodes:
        if isinstance(node, Markup):
            yield node.text
        elif isinstance(node, str):
            yield escaped(node)
        elif isinstance(node, int):
            yield str(node)
        elif node is not None:
            yield from _texts(node)
