"""Move one thing that a stored run holds, and leave everything else as it is."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr

from bayes_rootc.report.sources import ATTRIBUTES


def perturbed(run: xr.DataTree, *paths: str) -> xr.DataTree:
    """Return the run with some of its variables or attributes moved to other valid values."""
    found = run.copy(deep=False)
    found.attrs = dict(run.attrs)
    for path in paths:
        where, name = path.split("/")
        if where == ATTRIBUTES:
            found.attrs[name] = _moved_attribute(run.attrs[name])
        else:
            data = found[where].to_dataset()
            found[where] = xr.DataTree(data.assign({name: _moved_array(data[name])}))
    return found


def moved(value: Any) -> Any:
    """Another value of the same type: numbers and texts inside lists and mappings included."""
    if isinstance(value, dict):
        return {key: moved(part) for key, part in value.items()}
    if isinstance(value, list):
        return [moved(part) for part in value]
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return f"{value}~"
    return value if value is None else value + 1 if isinstance(value, int) else 1.1 * value


def _moved_attribute(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(("{", "[")):
        return json.dumps(moved(json.loads(value)))
    return moved(value.item() if isinstance(value, np.generic) else value)


def _moved_array(array: xr.DataArray) -> xr.DataArray:
    """Scale real numbers, reverse whole ones (indices stay inside), mark texts, turn truths."""
    kind = array.dtype.kind
    if kind == "f":
        n = array.shape[-1] if array.ndim else 1
        return array * np.linspace(1.05, 1.15, n)  # a common factor may cancel
    if kind == "b":
        return ~array
    if kind in "iu":
        return array.copy(data=array.to_numpy()[::-1])
    return array.copy(data=np.array([f"{text}~" for text in array.to_numpy().ravel()]))
