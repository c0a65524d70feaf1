"""Opening what a fit left: a finished run, or the draws of one that was stopped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr


def load_stored(path: Path) -> tuple[xr.DataTree, dict[str, Any]]:
    """Load a run and its diagnostics; a fit that was stopped gives the draws it has left.

    Raises
    ------
    RunError
        If the folder is no run or cannot be read.
    SamplingError
        If the fit was stopped before it had enough draws.
    """
    from bayes_rootc.inference.run_folder import RunFolder, read_certificate
    from bayes_rootc.inference.store import load_run

    if read_certificate(RunFolder(path))["status"] != "sampling":
        return load_run(path)
    # Only a fit that was stopped needs the sampler's libraries, to read back its draws.
    from bayes_rootc.inference.fit import open_run

    opened = open_run(path)
    return opened.run, opened.diagnostics
