"""How much the answer moves with priors, likelihood and settings, if the run has been asked."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import xarray as xr

from bayes_rootc.errors import RunError

FILES = {"sensitivity": "sensitivity.csv", "settings": "settings.csv"}
"""Table → its file in the folder of the run: power scaling, and other settings."""


def with_sensitivity(run: xr.DataTree, folder: Path) -> xr.DataTree:
    """Return the run with the tables of sensitivity that its folder holds.

    Raises
    ------
    RunError
        If a file is there but cannot be read.
    """
    wide = run.copy(deep=False)
    for name, file in FILES.items():
        path = folder / file
        if name in wide.children or not path.is_file():
            continue
        try:
            frame = pd.read_csv(path, keep_default_na=True)
        except (OSError, ValueError) as error:
            raise RunError(f"{path}: cannot be read ({error}); make it again") from None
        wide[name] = xr.DataTree(xr.Dataset.from_dataframe(frame.rename_axis("line")))
    return wide


def sensitivity_table(run: xr.DataTree, name: str) -> pd.DataFrame:
    """Return a table of sensitivity; empty where the run has none."""
    if name not in run.children:
        return pd.DataFrame()
    return run.children[name].to_dataset().to_dataframe().reset_index(drop=True)
