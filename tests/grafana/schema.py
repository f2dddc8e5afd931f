"""Check the dashboards against Grafana's own types, the npm package @grafana/schema, by tsc.

Needs node, npm and (once) the network; not part of the tests, which check the JSON against the
types of grafana-foundation-sdk and run every query:

.venv/bin/python -m tests.grafana.schema [FOLDER of node_modules]
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.grafana.loading import dashboard_files, read_dashboard

PACKAGES = ("@grafana/schema@13.2.3", "typescript@7.0.2")
# Panel type and the folder of its options; those without custom fields have no FieldConfig.
_KINDS = {
    "barchart": "barchart",
    "bargauge": "bargauge",
    "piechart": "piechart",
    "stat": "stat",
    "state-timeline": "statetimeline",
    "status-history": "statushistory",
    "table": "table",
    "text": "text",
    "timeseries": "timeseries",
}
_WITH_FIELDS = {"barchart", "piechart", "statetimeline", "statushistory", "table",
                "timeseries"}  # fmt: skip
_HEAD = """\
import type { Dashboard, FieldConfig, Panel, RowPanel } from '@grafana/schema';
// JSON has the values of enumerations, and leaves out what has a default.
type Plain<T> = T extends string ? `${T}`
  : T extends number ? (`${T}` extends `${infer N extends number}` ? N : T)
  : T extends (infer E)[] ? Plain<E>[]
  : T extends object ? { [K in keyof T]?: Plain<T[K]> } : T;
type Of<O, C> = Plain<Omit<Panel, 'options' | 'fieldConfig' | 'targets'>> & {
  options?: Plain<O>; targets?: object[]; fieldConfig?: {
    defaults: Plain<Omit<FieldConfig, 'custom' | 'mappings' | 'links'>> & {
      custom?: Plain<C>; mappings?: Plain<NonNullable<FieldConfig['mappings']>>; links?: object[] };
    overrides: { matcher: { id: string; options?: unknown };
      properties: { id: string; value?: unknown }[] }[] } };
type Row = Plain<Omit<RowPanel, 'panels'>> & { panels?: object[] };
type Frame = Plain<Omit<Dashboard, 'panels' | 'templating' | 'annotations'>> & {
  templating?: { list: object[] }; annotations?: { list: object[] } };
"""


def check_types(folder: Path) -> str:
    """Return what tsc complains of; nothing, where the dashboards are as Grafana types them.

    Args:
        folder: Where node_modules is, or is to be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "node_modules" / "@grafana").is_dir():
        npm = _program("npm")
        subprocess.run([npm, "install", "--no-save", "--prefix", folder, *PACKAGES], check=True)
    source = folder / "dashboards.ts"
    source.write_text("\n".join(_source()), encoding="utf-8")
    tsc = folder / "node_modules" / ".bin" / "tsc"
    options = ["--noEmit", "--strict", "--skipLibCheck", "--ignoreConfig"]
    modules = ["--module", "nodenext", "--moduleResolution", "nodenext", "--types", ""]
    done = subprocess.run(
        [tsc, *options, *modules, source], capture_output=True, text=True, cwd=folder, check=False
    )
    return done.stdout + done.stderr


def _source() -> Iterator[str]:
    yield _HEAD
    for kind in dict.fromkeys(_KINDS.values()):
        folder = f"./node_modules/@grafana/schema/dist/types/raw/composable/{kind}/panelcfg/x"
        yield f"import type * as {kind} from '{folder}/types.gen.js';"
    for number, path in enumerate(dashboard_files()):
        model = dict(read_dashboard(path).model)
        panels = model.pop("panels")
        yield f"// {path.name}"
        yield f"const dashboard{number}: Frame = {json.dumps(model)};"
        for place, panel in enumerate(_flat(panels)):
            name, kind = f"panel{number}_{place}", str(panel["type"])
            yield f"const {name}: {_type(kind)} = {json.dumps(_known(panel, kind))};"


def _type(kind: str) -> str:
    if kind == "row":
        return "Row"
    module = _KINDS[kind]
    fields = f"{module}.FieldConfig" if module in _WITH_FIELDS else "{}"
    return f"Of<{module}.Options, {fields}>"


def _known(panel: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """Leave out what Grafana reads although its types do not have it."""
    copy: dict[str, Any] = json.loads(json.dumps(panel))
    if kind == "state-timeline":
        copy["fieldConfig"]["defaults"].get("custom", {}).pop("spanNulls", None)
    if kind == "table":
        # Until 12.1 it was the table's, and the SDK writes it for those; later ones drop it.
        copy["options"].pop("footer", None)
    return copy


def _flat(panels: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for panel in panels:
        yield panel
        if panel["type"] == "row":
            yield from _flat(panel.get("panels") or [])


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise SystemExit(f"{name} is not installed")
    return path


if __name__ == "__main__":
    complaints = check_types(Path(sys.argv[1] if len(sys.argv) > 1 else "/tmp/grafana-schema"))
    sys.exit(complaints or None)
