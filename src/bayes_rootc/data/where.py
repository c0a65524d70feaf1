"""Which table of layers is used, how it was found, and where else was looked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from bayes_rootc.data.locate import ENVIRONMENT, fetched_folder, locate_data
from bayes_rootc.data.readers import detect


def where(explicit: Path | None = None) -> dict[str, Any]:
    """Say which table is used; parameter and errors as of :func:`.locate.locate_data`.

    Returns
    -------
    dict
        ``layers`` (the table; None: there is none, the simulated world is used), ``tried``
        (place → what is there); with a table also ``folder``, ``found_by``, ``source``, ``format``.
    """
    location = locate_data(explicit)
    tried = {
        "--data": str(explicit) if explicit else None,
        ENVIRONMENT: os.environ.get(ENVIRONMENT) or None,
        "fetched": str(fetched_folder()),
    }
    found: dict[str, Any] = {"layers": None, "tried": tried}
    if location is not None:
        found |= {
            "layers": str(location.layers),
            "folder": str(location.folder) if location.folder else None,
            "found_by": location.found_by,
            "source": location.source,
            "format": detect(location.layers).name,
        }
    return found
