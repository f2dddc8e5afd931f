"""Events drawn into charts: new model versions, moved aliases, exchanged references."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import AnnotationQuery

from monitoring_dashboards.conditions import MONITORS
from monitoring_dashboards.statuses import BLUE, GRAY, PURPLE
from monitoring_dashboards.targets import POSTGRES, sql

# The models of the monitors chosen.
OF_MONITORS = f"model_name IN (SELECT model_name FROM latest_evaluations WHERE {MONITORS})"


def model_events(where: str = OF_MONITORS) -> list[AnnotationQuery]:
    """Return the annotations for new versions and for moved aliases of models.

    Args:
        where: SQL that selects the models; ``TRUE`` for all of them.
    """
    return [
        _event("New model versions", BLUE, "version", where),
        _event("Moved aliases", PURPLE, "alias", where),
    ]


def reference_changes(where: str = MONITORS) -> AnnotationQuery:
    """Return the annotation for windows from which another reference was compared with.

    Args:
        where: SQL that selects the monitors; ``TRUE`` for all of them.
    """
    return _annotation(
        "Changed references",
        GRAY,
        f"""
        SELECT at AS time, text, 'reference,' || monitor AS tags
        FROM reference_changes
        WHERE $__timeFilter(at) AND {where}
        ORDER BY at
        LIMIT 200
        """,
    )


def _event(name: str, color: str, kind: str, where: str) -> AnnotationQuery:
    return _annotation(
        name,
        color,
        f"""
        SELECT at AS time, text, kind || ',' || model_name AS tags
        FROM model_events
        WHERE $__timeFilter(at) AND kind = '{kind}' AND {where}
        ORDER BY at
        LIMIT 200
        """,
    )


def _annotation(name: str, color: str, query: str) -> AnnotationQuery:
    return (
        AnnotationQuery()
        .name(name)
        .datasource(POSTGRES)
        .enable(True)
        .icon_color(color)
        .target(sql(query).lettered("Anno"))
    )
