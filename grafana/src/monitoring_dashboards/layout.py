"""A dashboard from its sections: where panels stand, and what all dashboards have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders.dashboard import (
    AnnotationQuery,
    Dashboard,
    DashboardLink,
    QueryVariable,
    Row,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from monitoring_dashboards.links import TAG, all_dashboards

_COLUMNS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Panels under one heading, placed from left to right, line by line.

    Attributes:
        panels: In the order in which they are read; a line is full at 24 columns.
        title: The heading; None for the answer at the very top.
    """

    panels: Sequence[Builder[models.Panel]]
    title: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a dashboard is called and what it offers.

    Attributes:
        uid: Its address below ``/d/``, and, with ``_`` for ``-``, its file's name.
        title: Its name.
        description: The question that it answers.
        since: Where its time range begins, as Grafana writes it (``now-30d``).
        refresh: How often it asks anew (``5m``); empty for never.
        variables: What a person chooses, and hidden addresses.
        annotations: Events in its charts.
        links: Buttons at the top, before the menu of the other dashboards.
    """

    uid: str
    title: str
    description: str
    since: str = "now-30d"
    refresh: str = ""
    variables: Sequence[QueryVariable] = ()
    annotations: Sequence[AnnotationQuery] = ()
    links: Sequence[DashboardLink] = ()


def dashboard(page: Page, sections: Sequence[Section]) -> models.Dashboard:
    """Return a dashboard, its panels placed and numbered in reading order."""
    built = (
        Dashboard(page.title)
        .uid(page.uid)
        .description(page.description)
        .tags([TAG])
        .timezone("utc")  # windows begin and end there
        .readonly()  # the next start would overwrite what is edited in the browser
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .time(page.since, "now")
        .refresh(page.refresh)
        .variables(list(page.variables))
        .annotations(list(page.annotations))
        .links([*page.links, all_dashboards()])
        .build()
    )
    built.panels = _placed(sections)
    return built


def _placed(sections: Sequence[Section]) -> list[models.Panel | models.RowPanel]:
    placed: list[models.Panel | models.RowPanel] = []
    top, number = 0, 0
    for section in sections:
        number += 1
        row = _row(section, top, number) if section.title is not None else None
        if row is not None:
            placed.append(row)
            top += 1
        panels = [panel.build() for panel in section.panels]
        top = _place(panels, top)
        for panel in panels:
            number += 1
            panel.id_val = number
        placed += panels
    return placed


def _row(section: Section, top: int, number: int) -> models.RowPanel:
    row = Row(section.title or "").id(number).build()
    row.grid_pos = models.GridPos(x=0, y=top, w=_COLUMNS, h=1)
    return row


def _place(panels: Sequence[models.Panel], top: int) -> int:
    """Place panels below `top`; return where the next section begins."""
    left = height = 0
    for panel in panels:
        size = panel.grid_pos or models.GridPos()
        if left + size.w > _COLUMNS:
            top, left, height = top + height, 0, 0
        panel.grid_pos = models.GridPos(x=left, y=top, w=size.w, h=size.h)
        left, height = left + size.w, max(height, size.h)
    return top + height
