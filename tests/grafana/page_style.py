"""The style sheet of a drawn dashboard."""

from __future__ import annotations

from tests.grafana.colors import Theme

WIDTH = 1600


def style(theme: Theme) -> str:
    """Return the style sheet of a page."""
    return f"""
* {{ box-sizing: border-box }}
body {{ margin: 0; width: {WIDTH}px; background: {theme.canvas}; color: {theme.text};
  font: 13px Inter, "DejaVu Sans", Arial, sans-serif; position: relative; overflow-x: hidden }}
header {{ display: flex; justify-content: space-between; align-items: center;
  padding: 10px 12px 0 }}
h1 {{ font-size: 19px; margin: 0; font-weight: 500 }}
.time {{ color: {theme.faint} }}
nav {{ padding: 12px; display: flex; gap: 10px; white-space: nowrap; overflow: hidden }}
.pick {{ background: {theme.panel}; border: 1px solid {theme.border}; border-radius: 2px;
  padding: 5px 10px }}
.pick b {{ color: {theme.faint}; font-weight: 500; margin-right: 8px }}
.panel {{ position: absolute; background: {theme.panel}; border: 1px solid {theme.border};
  border-radius: 2px; overflow: hidden; display: flex; flex-direction: column }}
.title {{ padding: 7px 8px 3px; font-weight: 500; white-space: nowrap }}
.info {{ color: {theme.faint}; border: 1px solid {theme.faint}; border-radius: 50%; font-size: 9px;
  padding: 0 4px; margin-left: 7px; opacity: .7 }}
.inside {{ flex: 1; min-height: 0; padding: 0 7px 7px; position: relative }}
.row {{ position: absolute; font-weight: 500; font-size: 15px; padding-top: 6px }}
.chart {{ display: flex; height: 100%; gap: 8px }}
.chart.below {{ flex-direction: column; gap: 2px }}
.plot {{ flex: 1; min-height: 0; min-width: 0 }}
.legend {{ font-size: 12px; max-height: 38px; overflow: hidden }}
.beside .legend {{ max-height: none; max-width: 55%; align-self: flex-start }}
.legend table, .gauges {{ border-collapse: collapse }}
.legend td, .legend th {{ padding: 2px 6px; white-space: nowrap; font-weight: 400 }}
.legend th {{ color: {theme.faint}; text-align: left; font-size: 11px }}
.key {{ margin-right: 12px; white-space: nowrap }}
.key i {{ display: inline-block; width: 14px; height: 4px; border-radius: 2px; margin-right: 6px;
  vertical-align: middle }}
.keys {{ padding: 4px; font-size: 12px }}
.tiles {{ display: flex; height: 100%; gap: 4px }}
.tiles.down {{ flex-direction: column }}
.tile {{ flex: 1; display: flex; flex-direction: column; justify-content: center; min-width: 0;
  align-items: center; border-radius: 2px; font-weight: 500; line-height: 1.15;
  text-align: center }}
.tile .name {{ font-size: 13px; opacity: .9 }}
.grid {{ border-collapse: collapse; width: 100% }}
.grid th {{ text-align: left; color: {theme.faint}; font-weight: 500; padding: 6px 8px;
  border-bottom: 1px solid {theme.border}; white-space: nowrap }}
.grid th[align=right] {{ text-align: right }}
.grid td {{ padding: 0 8px; height: 36px; border-bottom: 1px solid {theme.border};
  max-width: 420px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }}
.grid u {{ text-decoration-color: {theme.faint}; text-underline-offset: 3px }}
.cellbar {{ display: flex; align-items: center; gap: 6px; min-width: 120px }}
.cellbar div {{ height: 14px; border-radius: 2px }}
.gauges {{ width: 100% }}
.gauges td {{ padding: 2px 6px; white-space: nowrap }}
.gauges .track {{ width: 70% }}
.track div {{ border-radius: 2px }}
.text {{ padding: 6px; line-height: 1.5 }}
.empty {{ display: flex; height: 100%; align-items: center; justify-content: center;
  color: {theme.faint}; text-align: center; padding: 10px }}
.problem {{ color: #F2495C; padding: 10px; white-space: pre-wrap }}
svg text {{ fill: {theme.faint}; font-size: 12px }}
"""
