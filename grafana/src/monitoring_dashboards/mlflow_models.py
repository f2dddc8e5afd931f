"""Registered models: their versions, and which version an alias meant when."""

from __future__ import annotations

from grafana_foundation_sdk.builders.common import VizLegendOptions
from grafana_foundation_sdk.builders.dashboard import QueryVariable
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig

from monitoring_dashboards import links, statuses, variables
from monitoring_dashboards.conditions import MODELS
from monitoring_dashboards.fields import Field
from monitoring_dashboards.panels import Caption, Panel, Style, state_timeline, table
from monitoring_dashboards.statuses import BLUE, GRAY, GREEN, ORANGE, PURPLE, YELLOW, Steps
from monitoring_dashboards.targets import instant, series, sql
from monitoring_dashboards.units import INSTANT

_REMOVED = "0"  # no version of MLflow's has it
_COLORS = (BLUE, GREEN, PURPLE, ORANGE, YELLOW)
# Neighboring versions differ in color; the number is written into each band.
_IN_TURN = Steps(GRAY, *((number, _COLORS[number % len(_COLORS)]) for number in range(1, 61)))
# Prometheus gives labels by the alphabet.
_MODEL_FIRST = DataTransformerConfig(
    id_val="organize",
    options={
        "excludeByName": {},
        "indexByName": {
            name: place
            for place, name in enumerate(("model_name", "alias", "metric", "Value", "Time"))
        },
        "renameByName": {},
    },
)
_NO_MODEL = "No registered model is chosen, or none was extracted yet."


def choice() -> QueryVariable:
    """Return the choice of registered models, monitored or not."""
    return (
        variables.query(
            "model",
            "Model",
            "The registered models, monitored or not",
            "SELECT name FROM mlflow_registered_models ORDER BY name",
        )
        .multi(True)
        .include_all(True)
    )


def panels() -> list[Panel]:
    """Return what is known of the models chosen."""
    return [_timeline(), _behind_aliases(), _versions()]


def _timeline() -> Panel:
    panel = state_timeline(
        Caption(
            title="Versions and aliases over time",
            description="Which version each alias meant, and which version was the newest. Moves"
            " between two extractions count from the later one",
            unit="none",
            empty=f"{_NO_MODEL} Aliases are known from the first extraction on.",
        ),
        [
            series(f"""
            SELECT GREATEST(valid_from, $__timeFrom()) AS time,
                model_name || ' @' || alias AS metric, version::integer AS value
            FROM mlflow_aliases
            WHERE {MODELS} AND valid_from < $__timeTo()
                AND COALESCE(valid_to, 'infinity') > $__timeFrom()
            UNION ALL
            SELECT gone.valid_to, gone.model_name || ' @' || gone.alias, {_REMOVED}
            FROM mlflow_aliases AS gone
            WHERE {MODELS} AND $__timeFilter(gone.valid_to)
                AND NOT EXISTS (
                    SELECT 1 FROM mlflow_aliases AS next
                    WHERE next.model_name = gone.model_name AND next.alias = gone.alias
                        AND next.valid_from = gone.valid_to
                )
            UNION ALL
            SELECT GREATEST(created_at, $__timeFrom()), model_name || ' newest',
                MAX(version::integer)
            FROM mlflow_model_versions
            WHERE {MODELS} AND created_at < $__timeTo()
            GROUP BY 1, 2
            ORDER BY time
            """)
        ],
        size=(14, 8),
        style=Style(mappings=statuses.words({_REMOVED: ("removed", GRAY)}), steps=_IN_TURN),
    )
    # One row knows nothing of the instants of the others: what was before goes on.
    return panel.span_nulls(True).legend(VizLegendOptions().show_legend(False))


def _behind_aliases() -> Panel:
    return table(
        Caption(
            title="Behind the aliases now",
            description="Accuracy, F1, loss and the metrics chosen, as the run behind each alias "
            "logged them",
            unit="none",
            empty="No alias of the models chosen leads to a run that logged one of these metrics, "
            "or the extraction has not pushed to Prometheus.",
        ),
        [
            instant(
                'max by (model_name, alias, metric) (mlflow_metric{model_name=~"$model",'
                'alias!="",metric=~"accuracy|f1_score|loss|$metric"})',
                legend="",
                as_table=True,
            )
        ],
        size=(10, 8),
        style=Style(
            fields=[
                Field(name="Time", hidden=True),
                Field(name="model_name", title="Model"),
                Field(name="alias", title="Alias", width=120),
                Field(name="metric", title="Metric", width=120),
                Field(name="Value", title="Value", decimals=3, width=100),
            ]
        ),
    ).with_transformation(_MODEL_FIRST)


def _versions() -> Panel:
    return table(
        Caption(
            title="Versions",
            description="The newest 100 versions of the models chosen, the aliases that mean them"
            " now, and the verdict on the newest window that each was judged in",
            unit="none",
            empty=_NO_MODEL,
        ),
        [
            sql(f"""
            SELECT
                version.model_name AS model,
                version.version,
                ARRAY_TO_STRING(version.aliases, ', ') AS aliases,
                version.created_at AS created,
                COALESCE(NULLIF(run.name, ''), run.run_id) AS run,
                judged.monitor,
                judged.status AS verdict,
                run.experiment_id,
                run.run_id
            FROM (
                SELECT * FROM mlflow_model_versions
                WHERE {MODELS}
                ORDER BY created_at DESC
                LIMIT 100
            ) AS version
            LEFT JOIN mlflow_runs AS run ON run.run_id = version.run_id
            LEFT JOIN latest_evaluations AS judged
                ON judged.model_name = version.model_name
                AND judged.model_version = version.version
            ORDER BY version.created_at DESC
            """)
        ],
        size=(24, 8),
        style=Style(fields=_fields()),
    )


def _fields() -> list[Field]:
    run = links.run(links.column("experiment_id"), links.column("run_id"))
    version = links.model(links.column("model"), links.column("version"))
    monitor = links.dashboard(
        "mlops-model-monitoring", "Results of this monitor", monitor=links.column("monitor")
    )
    return [
        Field(name="model", title="Model"),
        Field(name="aliases", title="Aliases"),
        Field(name="version", title="Version", links=[version], width=90),
        Field(name="run", title="Run", links=[run]),
        Field(name="monitor", title="Monitor", links=[monitor]),
        Field(name="created", title="Created", unit=INSTANT, width=180),
        Field(
            name="verdict",
            title="Verdict",
            mappings=statuses.by_name(),
            cell="color-background",
            width=140,
        ),
        Field(name="experiment_id", hidden=True),
        Field(name="run_id", hidden=True),
    ]
