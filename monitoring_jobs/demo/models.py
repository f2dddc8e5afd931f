"""Two sample models, trained and registered as a data scientist would do it.

Each gets two versions with parameters, metrics, a signature, its training data as an input, and the
rows that later windows are compared with as the artifact ``reference.parquet``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import sklearn
from mlflow.data.pandas_dataset import from_pandas
from mlflow.models import infer_signature
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, f1_score, log_loss, mean_absolute_error, r2_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from monitoring_jobs.demo import samples
from monitoring_jobs.demo.faults import DIABETES, WINE

ALIAS = "champion"
REFERENCE = "reference.parquet"
_TRAINING_ROWS = 2_000
_REFERENCE_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one sample model is made.

    Attributes:
        name: Name of the experiment and of the registered model.
        target: Column that it learns.
        draw: Draws rows of its population.
        versions: Estimators by version, the last one the best.
        scores: Computes the metrics from truth and a fitted model's predictions.
        predict: Adds the columns that the prediction log holds.
    """

    name: str
    target: str
    draw: Callable[[int, np.random.Generator], pd.DataFrame]
    versions: tuple[Any, ...]
    scores: Callable[[Pipeline, pd.DataFrame, pd.Series], Mapping[str, float]]
    predict: Callable[[Pipeline, pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A registered model whose fitted pipeline is at hand, so that none is ever loaded.

    Attributes:
        recipe: What it was made by.
        pipeline: The champion.
    """

    recipe: Recipe
    pipeline: Pipeline

    def log(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the frame with the model's predictions, as a server would log it."""
        return self.recipe.predict(self.pipeline, frame)


def fit(recipe: Recipe) -> TrainedModel:
    """Return the champion as ``train`` makes it, without a word to MLflow."""
    number = len(recipe.versions)
    training, _ = _rows(recipe, number)
    columns = samples.features(training)
    pipeline = _pipeline(recipe.versions[-1]).fit(training[columns], training[recipe.target])
    return TrainedModel(recipe, pipeline)


def train(recipe: Recipe, *, first: int = 1) -> TrainedModel:
    """Train and register every version of a model; the alias follows the newest.

    Args:
        recipe: What the model is made by.
        first: The version to begin with, where earlier ones are registered already.
    """
    mlflow.set_experiment(recipe.name)
    client = mlflow.MlflowClient()
    pipeline = None
    for number, estimator in enumerate(recipe.versions[first - 1 :], start=first):
        pipeline = _pipeline(estimator)
        version = _register(recipe, pipeline, number)
        client.set_registered_model_alias(recipe.name, ALIAS, version)
    assert pipeline is not None
    return TrainedModel(recipe, pipeline)


def _register(recipe: Recipe, pipeline: Pipeline, number: int) -> str:
    training, held_out = _rows(recipe, number)
    columns = samples.features(training)
    estimator = type(pipeline[-1]).__name__
    with mlflow.start_run(run_name=f"{recipe.name}-{estimator}"):
        data = from_pandas(training, name=f"{recipe.name}_training", targets=recipe.target)
        mlflow.log_input(data, context="training")
        pipeline.fit(training[columns], training[recipe.target])
        mlflow.log_params({"estimator": estimator, **_parameters(pipeline[-1])})
        mlflow.log_metrics(
            dict(recipe.scores(pipeline, held_out[columns], held_out[recipe.target]))
        )
        _log_reference(recipe.predict(pipeline, held_out))
        model = mlflow.sklearn.log_model(
            pipeline,
            name="model",
            signature=infer_signature(training[columns], pipeline.predict(training[columns][:50])),
            registered_model_name=recipe.name,
            skops_trusted_types=["numpy.dtype"],  # the imputer's
            # Without these MLflow starts a second Python to find out.
            pip_requirements=[f"scikit-learn=={sklearn.__version__}", f"numpy=={np.__version__}"],
        )
    return str(model.registered_model_version)


def _rows(recipe: Recipe, number: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw the training rows of a version and the held-out ones, which become the reference."""
    rng = np.random.default_rng([number, len(recipe.name)])
    return recipe.draw(_TRAINING_ROWS, rng), recipe.draw(_REFERENCE_ROWS, rng)


def _pipeline(estimator: Any) -> Pipeline:
    return make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), clone(estimator))


def _log_reference(frame: pd.DataFrame) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / REFERENCE
        frame.to_parquet(path, index=False)
        mlflow.log_artifact(str(path))


def _parameters(estimator: Any) -> dict[str, Any]:
    return {name: value for name, value in estimator.get_params().items() if value is not None}


def _classifier_scores(
    pipeline: Pipeline, rows: pd.DataFrame, truth: pd.Series
) -> Mapping[str, float]:
    predicted = pipeline.predict(rows)
    return {
        "accuracy": accuracy_score(truth, predicted),
        "f1_score": f1_score(truth, predicted, average="macro"),
        "loss": log_loss(truth, pipeline.predict_proba(rows), labels=list(pipeline.classes_)),
    }


def _regressor_scores(
    pipeline: Pipeline, rows: pd.DataFrame, truth: pd.Series
) -> Mapping[str, float]:
    predicted = pipeline.predict(rows)
    return {"mae": mean_absolute_error(truth, predicted), "r2": r2_score(truth, predicted)}


def _classify(pipeline: Pipeline, frame: pd.DataFrame) -> pd.DataFrame:
    rows = frame[samples.features(frame)]
    chances = pipeline.predict_proba(rows)
    logged = frame.assign(prediction=pipeline.predict(rows))
    for position, grade in enumerate(pipeline.classes_):
        logged[f"p_{grade}"] = chances[:, position]
    return logged


def _regress(pipeline: Pipeline, frame: pd.DataFrame) -> pd.DataFrame:
    rows = frame[samples.features(frame)]
    return frame.assign(prediction=pipeline.predict(rows).round(3))


RECIPES = (
    Recipe(
        name=WINE,
        target="label",
        draw=samples.wine,
        versions=(
            LogisticRegression(C=0.001),
            LogisticRegression(C=1.0),
        ),
        scores=_classifier_scores,
        predict=_classify,
    ),
    Recipe(
        name=DIABETES,
        target="progression",
        draw=samples.diabetes,
        versions=(
            Ridge(alpha=5_000.0),
            Ridge(alpha=1.0),
        ),
        scores=_regressor_scores,
        predict=_regress,
    ),
)
