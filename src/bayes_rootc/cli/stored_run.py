"""Loading a stored run for the verbs that only read it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr


def load(path: Path) -> tuple[xr.DataTree, dict[str, Any]]:
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


def say_if_partial(run: xr.DataTree) -> None:
    """Print how far a fit came that was stopped."""
    attributes = run.attrs
    if attributes["status"] == "partial":
        print(
            f"partial run: the fit was stopped; {attributes['chains']} chains of "
            f"{attributes['draws']} draws are used, {attributes['draws_asked']} were asked for"
        )
