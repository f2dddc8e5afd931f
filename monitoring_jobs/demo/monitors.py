"""The demo's monitor files, written where a user would write them: one YAML file per model.

``python -m monitoring_jobs.demo.monitors docker/demo/monitors s3://monitoring/predictions`` writes
those of the containers.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from monitoring_jobs.demo.faults import DIABETES, WINDOWS, WINE

_WINE = f"""\
# All that the wine classifier's monitor says; only name, data and reference are needed.
name: {WINE}
description: Grades of wine from thirteen laboratory values
owner: demo@example.com
{{backfill}}schedule: "@daily"
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
{{backfill}}model: {{name: {DIABETES}, alias: champion}}
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


def write_monitors(folder: Path, traffic: Path | str, *, backfill: int = 0) -> None:
    """Write the monitor files of the logs below ``traffic``.

    Args:
        folder: Where they are put.
        traffic: Folder or fsspec URL.
        backfill: Windows before the first one that Airflow judges as well.
    """
    logs = {
        WINE: (_WINE, f"{traffic}/{WINE}"),
        DIABETES: (_DIABETES, f"{traffic}/{DIABETES}/*.csv"),
    }
    past = f"backfill_on_first_run: {backfill}\n" if backfill else ""
    for name, (text, path) in logs.items():
        # JSON's quotes are YAML's, whatever the path holds.
        quoted = json.dumps(path, ensure_ascii=False)
        filled = text.replace("{path}", quoted).replace("{backfill}", past)
        (folder / f"{name}.yaml").write_text(filled, encoding="utf-8")


if __name__ == "__main__":
    write_monitors(Path(sys.argv[1]), sys.argv[2], backfill=WINDOWS)
