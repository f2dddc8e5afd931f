"""The demo's monitor files, written where a user would write them: one YAML file per model."""

from __future__ import annotations

import json
from pathlib import Path

from monitoring_jobs.demo.faults import DIABETES, WINE

_WINE = f"""\
# All that the wine classifier's monitor says; only name, data and reference are needed.
name: {WINE}
description: Grades of wine from thirteen laboratory values
owner: demo@example.com
schedule: "@daily"
model: {{name: {WINE}, alias: champion}}
task: classification
data:
  source: parquet                       # hive partitions: day=2026-11-20/part-0.parquet
  path: {{path}}
  timestamp: ts
reference: {{source: mlflow_artifact, path: reference.parquet}}
columns:
  numerical:
    - alcohol
    - malic_acid
    - ash
    - alcalinity_of_ash
    - magnesium
    - total_phenols
    - flavanoids
    - nonflavanoid_phenols
    - proanthocyanins
    - color_intensity
    - hue
    - od280_od315
    - proline
  categorical: [region]
  prediction: prediction
  probability: {{low: p_low, medium: p_medium, high: p_high}}
  target: label
  id: request_id
checks:
  quality: {{missing_share: 0.1, new_category_share: 0.05}}
  drift:
    numerical: {{method: wasserstein, threshold: 0.3}}
    share: 0.5
  performance: {{accuracy: {{min: 0.93}}}}
"""

_DIABETES = f"""\
# The model's signature supplies the features; every clinic is judged by itself as well.
name: {DIABETES}
description: Progression of diabetes within a year
owner: demo@example.com
model: {{name: {DIABETES}, alias: champion}}
task: regression
data:
  source: csv                           # one file a day
  path: {{path}}
  timestamp: ts
reference: {{source: mlflow_artifact, path: reference.parquet}}
columns: {{prediction: prediction, target: progression, id: request_id}}
segments: [clinic]
checks:
  drift: {{numerical: {{method: wasserstein, threshold: 0.25}}}}
  performance: {{mae: {{max: 50}}}}
"""


def write_monitors(folder: Path, traffic: Path) -> None:
    """Write the monitor files of the logs below ``traffic``."""
    logs = {WINE: (_WINE, traffic / WINE), DIABETES: (_DIABETES, traffic / DIABETES / "*.csv")}
    for name, (text, path) in logs.items():
        # JSON's quotes are YAML's, whatever the path holds.
        quoted = json.dumps(str(path), ensure_ascii=False)
        (folder / f"{name}.yaml").write_text(text.replace("{path}", quoted), encoding="utf-8")
