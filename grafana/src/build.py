"""Write grafana/dashboards/*.json and the alert rules: what Grafana provisions.

Run it after every change: ``.venv/bin/python grafana/src/build.py``
"""

from __future__ import annotations

from pathlib import Path

from monitoring_alerts import files as alert_files
from monitoring_dashboards import catalog

FOLDER = Path(__file__).resolve().parents[1] / "dashboards"
ALERTS = FOLDER.parent / "provisioning" / "alerting" / "rules.yaml"


def main(folder: Path = FOLDER, alerts: Path = ALERTS) -> None:
    """Write the alert rules and every dashboard; remove files of dashboards that are no more."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = catalog.files()
    for stale in folder.glob("*.json"):
        if stale.name not in texts:
            stale.unlink()
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    alerts.write_text(alert_files.rendered(), encoding="utf-8")


if __name__ == "__main__":
    main()
