"""The Grafana dashboards of this project, as values that build.py writes to JSON files."""

import warnings

with warnings.catch_warnings():
    # Files provision schema version 1, which Grafana reads from 11.6 on; the SDK recommends
    # version 2, which only Grafana 12 knows, whenever one of these is first imported.
    warnings.simplefilter("ignore", DeprecationWarning)
    import grafana_foundation_sdk.builders.dashboard
    import grafana_foundation_sdk.builders.stat
    import grafana_foundation_sdk.cog.plugins  # noqa: F401  imports every model
