"""MonitorSpec: all that a monitor file may say, and one clear line for each thing it may not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

import pydantic
from pydantic import (
    AfterValidator,
    ConfigDict,
    Discriminator,
    Field,
    ModelWrapValidatorHandler,
    Tag,
    WithJsonSchema,
)
from pydantic_core import ErrorDetails, InitErrorDetails

from monitoring_jobs import drift_methods
from monitoring_jobs.parts import MOST_PARTS
from monitoring_jobs.schedules import Schedule, cron_expression
from monitoring_jobs.spec_rules import (
    RULES,
    Problem,
    as_number,
    is_absent,
    names_at,
    text_at,
    value_at,
)
from monitoring_jobs.windows import Duration, Window

Share = Annotated[float, Field(ge=0, le=1)]
Severity = Literal["ok", "warning", "failed"]


def _a_duration(text: str) -> str:
    return str(Duration.parse(text))


def _longer_than_nothing(text: str) -> str:
    if Duration.parse(text).count == 0:
        raise ValueError("must be longer than nothing; write one like 1d")
    return text


def _a_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone; write one like Europe/Berlin") from None
    return name


def _a_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("holds a line break or a mark that cannot be seen; leave it out")
    return text


def _a_text(text: str) -> str:
    _a_line(text.replace("\n", "").replace("\t", ""))
    return text


def _a_schedule(text: str) -> str:
    cron_expression(text)
    return text


DurationText = Annotated[str, AfterValidator(_a_duration), Field(examples=["1d", "2h"])]
WindowText = Annotated[DurationText, AfterValidator(_longer_than_nothing)]
ZoneName = Annotated[str, AfterValidator(_a_zone), Field(examples=["UTC", "Europe/Berlin"])]
ScheduleText = Annotated[str, AfterValidator(_a_schedule), Field(examples=["@daily", "0 6 * * 1"])]
# Airflow stores these beside the Dags of all monitors: what its database refuses in one would
# take the others with it.
Line = Annotated[str, Field(max_length=250), AfterValidator(_a_line)]
Prose = Annotated[str, Field(max_length=10_000), AfterValidator(_a_text)]
# Numbers are names too: nobody should have to quote a version or a class.
Label = Annotated[
    str, Field(coerce_numbers_to_str=True), WithJsonSchema({"type": ["string", "number"]})
]


class _Part(pydantic.BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False
    )

    @pydantic.model_validator(mode="wrap")
    @classmethod
    def _judge_whole(cls, raw: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Refuse what keys say together, in one breath with what each says by itself."""
        if not isinstance(raw, Mapping):  # no keys that could contradict each other
            return handler(raw)
        problems = [_details(raw, problem) for problem in cls._problems(raw)]
        if not problems:
            return handler(raw)
        try:
            handler(raw)
        except pydantic.ValidationError as exc:
            problems = [*map(_again, exc.errors(include_url=False)), *problems]
        raise pydantic.ValidationError.from_exception_data(cls.__name__, problems)

    @classmethod
    def _problems(cls, raw: Any) -> Iterator[Problem]:  # noqa: ARG003 most parts have no rules
        """Yield what keys of this part say together and may not.

        Args:
            raw: What was given, not judged yet: anything may be of a wrong type or absent.
        """
        yield from ()


def _details(raw: Any, problem: Problem) -> InitErrorDetails:
    key, text = problem
    return InitErrorDetails(
        type="value_error", loc=key, input=value_at(raw, *key), ctx={"error": ValueError(text)}
    )


def _again(error: ErrorDetails) -> InitErrorDetails:
    return InitErrorDetails(
        type=error["type"], loc=error["loc"], input=error["input"], ctx=error.get("ctx", {})
    )


# --- data and references --------------------------------------------------------------------------
class FileSource(_Part):
    """Parquet or CSV files: a path, folder, glob or fsspec URL; hive partitions are understood.

    A relative path starts at the monitor file's folder.
    """

    source: Literal["parquet", "csv"]
    path: str = Field(min_length=1)
    timestamp: str | None = Field(None, description="column that places a row in time")
    timezone: ZoneName | None = Field(None, description="zone of naive timestamps")
    unit: Literal["s", "ms"] | None = Field(None, description="unit of numeric timestamps")


class SqlSource(_Part):
    """Rows of a query or a table behind a named connection."""

    source: Literal["sql"]
    connection: str = Field(min_length=1, pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    query: str | None = Field(None, description="may use :start and :end")
    table: str | None = Field(None, pattern=r"^[A-Za-z_][\w$]*(\.[A-Za-z_][\w$]*)?$")
    timestamp: str | None = None
    timezone: ZoneName | None = None
    unit: Literal["s", "ms"] | None = None

    @classmethod
    def _problems(cls, raw: Any) -> Iterator[Problem]:
        if is_absent(raw, "query") == is_absent(raw, "table"):
            key = () if is_absent(raw, "table") else ("table",)
            yield key, "give either query or table"


class ArtifactSource(_Part):
    """A parquet or CSV artifact of the model's MLflow run, or of the run that is named."""

    source: Literal["mlflow_artifact"]
    path: str = Field(min_length=1)
    run_id: str | None = Field(None, pattern=r"^[0-9a-f]{32}$")

    @pydantic.field_validator("path")
    @classmethod
    def _allowed(cls, path: str) -> str:
        if not path.lower().endswith((".parquet", ".csv")):
            raise ValueError("only .parquet and .csv artifacts are read")
        if path.startswith("/") or ".." in path.split("/"):
            raise ValueError("write the path inside the run's artifacts, without '..'")
        return path


class TrailingSource(_Part):
    """The windows just before the one under test, which is never part of them."""

    source: Literal["trailing"]
    windows: int = Field(7, ge=1, le=1000)
    skip: int = Field(0, ge=0, le=1000, description="windows left out just before the one judged")


def _source_of(raw: Any) -> str | None:
    source = raw.get("source") if isinstance(raw, dict) else getattr(raw, "source", None)
    return "file" if source in ("parquet", "csv") else source


DataSource = Annotated[
    Annotated[FileSource, Tag("file")] | Annotated[SqlSource, Tag("sql")],
    Discriminator(_source_of),
]
ReferenceSource = Annotated[
    Annotated[FileSource, Tag("file")]
    | Annotated[SqlSource, Tag("sql")]
    | Annotated[ArtifactSource, Tag("mlflow_artifact")]
    | Annotated[TrailingSource, Tag("trailing")],
    Discriminator(_source_of),
]


# Keys that change no number.
_WITHOUT_MEANING = {"description", "owner", "split", "backfill_on_first_run", "deadline"}


# --- what is monitored ----------------------------------------------------------------------------
class ModelSpec(_Part):
    """A registered model, by alias (preferred) or version."""

    name: Annotated[str, Field(min_length=1, max_length=250), AfterValidator(_a_line)]
    alias: Line | None = None
    version: Annotated[Label, AfterValidator(_a_line)] | None = None

    @classmethod
    def _problems(cls, raw: Any) -> Iterator[Problem]:
        if value_at(raw, "alias") is not None and value_at(raw, "version") is not None:
            yield ("version",), "give an alias or a version, not both"


class Columns(_Part):
    """Which column plays which role; features default to the model's signature."""

    numerical: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    prediction: str | None = None
    probability: str | dict[str, str] | None = Field(
        None, description="column with the positive class's probability, or a column per class"
    )
    positive_label: Label | None = None
    target: str | None = None
    id: str | None = None

    @classmethod
    def _problems(cls, raw: Any) -> Iterator[Problem]:
        seen: set[str] = set()
        for kind in ("numerical", "categorical"):
            for place, name in names_at(raw, kind):
                if name in seen:
                    yield (kind, place), f"{name!r} is listed twice; list each feature once"
                seen.add(name)
        target = text_at(raw, "target")
        if target is not None and target in seen:
            yield ("target",), f"{target!r} is also listed as a feature; a target is none"
        if target is not None and target == text_at(raw, "prediction"):
            yield ("target",), f"{target!r} is also columns.prediction; name the column of labels"


# --- checks ---------------------------------------------------------------------------------------
class SchemaCheck(_Part):
    """What a change of columns means."""

    missing_column: Severity = "failed"
    new_column: Severity = "warning"
    type_changed: Severity = "failed"


class QualityLimits(_Part):
    """Largest shares that pass; null judges nothing."""

    missing_share: Share | None = None
    outlier_share: Share | None = None
    out_of_range_share: Share | None = None
    new_category_share: Share | None = None


class QualityCheck(QualityLimits):
    """Limits for every column, with exceptions by column."""

    missing_share: Share | None = 0.2
    new_category_share: Share | None = 0.05
    duplicate_share: Share | None = Field(0.01, description="of ids that occur more than once")
    score: Share | None = Field(None, description="lowest data_quality_score that passes")
    columns: dict[str, QualityLimits] = Field(default_factory=dict)

    def limit(self, metric: str, column: str) -> float | None:
        """Return the largest share of ``metric`` that passes in ``column``; None judges nothing."""
        own = self.columns.get(column)
        if own is not None and metric in own.model_fields_set:
            value: float | None = getattr(own, metric)
        else:
            value = getattr(self, metric)
        return value


MethodName = Annotated[
    str,
    AfterValidator(drift_methods.canonical_name),
    WithJsonSchema(
        {"type": "string", "enum": [*drift_methods.METHODS, *drift_methods.SPELLINGS]},
    ),
]


class DriftMethod(_Part):
    """A drift method and the threshold beyond which it speaks of drift."""

    method: MethodName
    threshold: float | None = Field(None, ge=0)

    @property
    def limit(self) -> float:
        """The threshold, Evidently's default where none is given."""
        default = drift_methods.METHODS[self.method].threshold
        return default if self.threshold is None else self.threshold


def _for_kind(kind: str) -> AfterValidator:
    def check(method: DriftMethod) -> DriftMethod:
        drift_methods.require_kind(method.method, kind)
        return method

    return AfterValidator(check)


class DriftCheck(_Part):
    """Pinned methods: the score of today is comparable with the score of last year."""

    numerical: Annotated[DriftMethod, _for_kind("numerical")] = DriftMethod(method="wasserstein")
    categorical: Annotated[DriftMethod, _for_kind("categorical")] = DriftMethod(
        method="jensenshannon"
    )
    columns: dict[str, DriftMethod] = Field(default_factory=dict)
    share: Share = Field(0.5, description="of drifted columns at which the dataset drifts")
    min_rows: int = Field(100, ge=1, description="fewer rows on either side are not judged")

    def method_for(self, column: str, kind: str) -> DriftMethod:
        """Return the method of a column; ``kind`` is ``numerical`` or ``categorical``."""
        if column in self.columns:
            return self.columns[column]
        return self.numerical if kind == "numerical" else self.categorical


class Bound(_Part):
    """The range in which a metric passes."""

    min: float | None = None
    max: float | None = None

    @classmethod
    def _problems(cls, raw: Any) -> Iterator[Problem]:
        if is_absent(raw, "min") and is_absent(raw, "max"):
            yield (), "give min or max"
        least, most = as_number(value_at(raw, "min")), as_number(value_at(raw, "max"))
        if least is not None and most is not None and least > most:
            yield ("min",), "is above max; exchange them"


class PerformanceCheck(_Part):
    """Bounds of the metrics; all metrics of the task are measured, bounded or not."""

    accuracy: Bound | None = None
    precision: Bound | None = None
    recall: Bound | None = None
    f1: Bound | None = None
    roc_auc: Bound | None = None
    log_loss: Bound | None = None
    mae: Bound | None = None
    rmse: Bound | None = None
    mape: Bound | None = None
    r2: Bound | None = None
    label_coverage: Bound | None = None
    min_labels: int = Field(30, ge=1, description="fewer labelled rows are not judged")


class Checks(_Part):
    """The families of measurements; ``false`` turns one off."""

    schema_: SchemaCheck | Literal[False] = Field(SchemaCheck(), alias="schema")
    quality: QualityCheck | Literal[False] = QualityCheck()
    drift: DriftCheck | Literal[False] = DriftCheck()
    performance: PerformanceCheck | Literal[False] = PerformanceCheck()


class ReportSpec(_Part):
    """When an HTML report is rendered and how many rows of each side it draws."""

    when: Literal["always", "on_alert", "never"] = "always"
    rows: int = Field(20_000, ge=100, le=200_000)


class PublishSpec(_Part):
    """Which sinks get the evaluation besides Postgres."""

    pushgateway: bool = True
    webhook: bool = False
    mlflow: bool = False


class MonitorSpec(_Part):
    """One monitor file."""

    model_config = ConfigDict(title="Monitor file")

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,99}$")
    description: Prose = ""
    owner: Line = ""
    schedule: ScheduleText = "@daily"
    timezone: ZoneName = "UTC"
    window: WindowText | None = Field(None, description="default: the schedule's period")
    delay: DurationText = Field("0s", description="how long late rows are waited for")
    model: ModelSpec | None = None
    task: Literal["classification", "regression"] | None = None
    data: DataSource
    reference: ReferenceSource
    columns: Columns = Columns()
    segments: tuple[str, ...] = ()
    checks: Checks = Checks()
    report: ReportSpec = ReportSpec()
    publish: PublishSpec = PublishSpec()
    split: int = Field(1, ge=1, le=MOST_PARTS, description="tasks that share the columns")
    backfill_on_first_run: int = Field(
        0, ge=0, le=1000, description="windows before the first one that are judged as well"
    )
    deadline: WindowText | None = Field(
        None, description="time after a window's end by which its run should be done"
    )

    _folder: Path = pydantic.PrivateAttr(default_factory=Path.cwd)

    @classmethod
    def _problems(cls, raw: Any) -> Iterator[Problem]:
        for rule in RULES:
            yield from rule(raw)

    @property
    def folder(self) -> Path:
        """Where relative paths start: the folder of the monitor file."""
        return self._folder

    def located_in(self, folder: Path) -> Self:
        """Return the same monitor with relative paths starting at ``folder``."""
        twin = self.model_copy()
        twin._folder = folder  # noqa: SLF001
        return twin

    @property
    def boundaries(self) -> Schedule:
        """The periods of the schedule."""
        return Schedule.parse(self.schedule, self.timezone)

    @property
    def zone(self) -> tzinfo:
        """The time zone in which periods are cut."""
        return ZoneInfo(self.timezone)

    @property
    def length(self) -> Duration | None:
        """The window's length; None means one period of the schedule."""
        return Duration.parse(self.window) if self.window else None

    @property
    def patience(self) -> Duration:
        """How long late rows are waited for."""
        return Duration.parse(self.delay)

    def due_after(self, window: Window) -> datetime:
        """Return when the evaluation of the window that follows should be there.

        That is the end of the next period, plus the time that the file allows: its deadline, or
        without one its delay.
        """
        allowed = Duration.parse(self.deadline) if self.deadline else self.patience
        return self.boundaries.following(window.end) + allowed.nominal

    @property
    def spec_hash(self) -> str:
        """Hash of the file's meaning: comments, order, prose, who computes and when change none."""
        meaning = self.model_dump(mode="json", exclude=_WITHOUT_MEANING)
        canonical = json.dumps(meaning, sort_keys=True, separators=(",", ":"))
        return hashlib.blake2b(canonical.encode(), digest_size=16).hexdigest()


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a monitor file, for editors."""
    schema = MonitorSpec.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
