"""Health check of Airflow's containers: ask a health endpoint, with the standard library only.

``healthy.py URL [PART]`` ends with 0 if the URL answers 2xx and, where PART is given, its JSON says
that this part (``metadatabase``, ``scheduler``, ``dag_processor``, ``triggerer``) is healthy.
Airflow's own command takes five seconds of processor time for it; this takes a twentieth of one.
"""

import json
import sys
import urllib.request

_PATIENCE_SECONDS = 4


def main(arguments: list[str]) -> int:
    """Return 0 if what was asked for is healthy, else say in one line why not and return 1 or 2."""
    if not 1 <= len(arguments) <= 2:
        sys.stderr.write("usage: healthy.py URL [PART]\n")
        return 2
    url, *parts = arguments
    try:
        # A proxy of the environment is for what lies outside.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=_PATIENCE_SECONDS) as answer:
            found = json.load(answer) if parts else {}
    except (OSError, ValueError) as exc:
        sys.stderr.write(f"{url}: {exc}\n")
        return 1
    for part in parts:
        told = found.get(part) if isinstance(found, dict) else None
        status = told.get("status") if isinstance(told, dict) else None
        if status != "healthy":
            sys.stderr.write(f"{url}: {part} is {status or 'not known'}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
