"""Stored runs: write a DataTree whole or not at all, read it back with its certificate checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from bayes_rootc.errors import RunError
from bayes_rootc.files import replacing
from bayes_rootc.inference.run_folder import RunFolder, read_certificate
from bayes_rootc.spec.load import Spec, spec_hash

COMPRESSION = {"zlib": True, "complevel": 1, "shuffle": True}
LEAST_COMPRESSED = 10_000  # smaller arrays are not worth a filter


def write_tree(tree: xr.DataTree, path: Path) -> None:
    """Write a run as netCDF4.

    Raises
    ------
    WriteError
        If it cannot be written; nothing half-written is left.
    """
    encoding = {
        node.path: {
            str(name): dict(COMPRESSION)
            for name, array in node.data_vars.items()
            if array.size >= LEAST_COMPRESSED and array.dtype.kind in "fiub"
        }
        for node in tree.subtree
        if node.data_vars
    }
    with replacing(path) as beside:
        tree.to_netcdf(beside, engine="h5netcdf", encoding=encoding)


def read_tree(path: Path) -> xr.DataTree:
    """Read a run into memory.

    Raises
    ------
    RunError
        If the file is missing or is no readable netCDF.
    """
    if not path.is_file():
        raise RunError(f"{path}: no such file")
    try:
        with xr.open_datatree(path, engine="h5netcdf") as tree:
            return tree.load()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise RunError(f"{path}: not a readable netCDF file ({error}); fit again") from None


def load_run(
    path: Path | str,
    *,
    spec: Spec | None = None,
    data_hash: str | None = None,
    allow_stale: bool = False,
) -> tuple[xr.DataTree, dict[str, Any]]:
    """Load a stored run.

    Parameters
    ----------
    path : path
        Folder of the run, such as ``runs/turnover``.
    spec : Spec, optional
        If given, the run must have been fitted with this specification.
    data_hash : str, optional
        If given, the run must have been fitted to these data.
    allow_stale : bool
        Load a run that does not match all the same.

    Returns
    -------
    run : DataTree
    diagnostics : dict
        Outcome of the gate.

    Raises
    ------
    RunError
        If the run is missing, unreadable, unfinished, or belongs to another spec or other data.
    """
    folder = RunFolder(Path(path))
    certificate = read_certificate(folder)
    if certificate["status"] == "sampling":
        raise RunError(
            f"{folder.path}: this fit was stopped before it finished; "
            f"`python -m bayes_rootc report {folder.path}` makes a partial run of its draws"
        )
    tree = read_tree(folder.fit)
    wanted = {
        "spec_hash": spec_hash(spec) if spec else certificate["spec_hash"],
        "data_hash": data_hash or certificate["data_hash"],
    }
    for name, value in wanted.items():
        if tree.attrs.get(name) != value and not allow_stale:
            raise RunError(
                f"{folder.path}: was fitted to another {name.removesuffix('_hash')} "
                f"({name} {str(tree.attrs.get(name))[:12]}, not {value[:12]}); fit again, or load "
                "it with allow_stale=True"
            )
    try:
        diagnostics = json.loads(folder.diagnostics.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{folder.diagnostics}: cannot be read: {error}; fit again") from None
    return tree, dict(diagnostics)


def peak_memory_gib() -> float:
    """Peak resident memory of this process, GiB."""
    import resource
    import sys

    unit = 1.0 if sys.platform == "darwin" else 1024.0
    return float(np.round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30, 3))
