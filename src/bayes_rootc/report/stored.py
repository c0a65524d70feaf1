"""Reading a stored run: groups, parameters, layers and labels, each with a named error."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayes_rootc.errors import RunError
from bayes_rootc.layers import BIOMES, STANDARD_EDGES_CM, STANDARD_LAYERS
from bayes_rootc.variables import GRID_COMPONENT, VARIABLES

Floats = NDArray[np.float64]

POPULATION = ("alpha", "beta", "gamma", "sigma_biome", "sigma_slope", "sigma_profile", "tau",
              "shape", "shape_slope")  # fmt: skip
"""Population parameters, in the order in which people read them."""

BIOME_PARAMETERS = ("a_biome", "s_biome")

REFERENCE_CM = 20.0
"""Where a specification does not say at which depth intercepts are defined, cm."""

NAMES = {biome.key: biome.name for biome in BIOMES.values()}


@dataclass(frozen=True)
class Parameter:
    """One scalar parameter of a run; a vector parameter gives one record per element."""

    name: str
    element: str
    draws: Floats  # (chain, draw)
    truth: float  # NaN where unknown

    @property
    def label(self) -> str:
        """Name with the element, as in ``gamma[mat]``."""
        return f"{self.name}[{self.element}]" if self.element else self.name

    @property
    def units(self) -> str:
        """Unit as stored; "1" is dimensionless."""
        return VARIABLES[self.name].units

    @property
    def meaning(self) -> str:
        """The long name."""
        return VARIABLES[self.name].long_name


def group(run: xr.DataTree, name: str) -> xr.Dataset:
    """Return a group of a stored run.

    Raises
    ------
    RunError
        If the run has no such group.
    """
    if name not in run.children:
        have = ", ".join(run.children) or "none"
        raise RunError(f"run: group {name} is missing; it has {have}: fit the model again")
    return run.children[name].to_dataset()


def variable(run: xr.DataTree, where: str, name: str, *dims: str) -> xr.DataArray:
    """Return a variable of a group with its dimensions in the order given (all, if none given).

    Raises
    ------
    RunError
        If the group, the variable or a dimension is missing.
    """
    data = group(run, where)
    if name not in data:
        raise RunError(f"run: {where}/{name} is missing; fit the model again")
    array = data[name]
    if dims and set(dims) != set(array.dims):
        have = ", ".join(str(dim) for dim in array.dims)
        raise RunError(f"run: {where}/{name} has dimensions ({have}); right: ({', '.join(dims)})")
    return array.transpose(*dims) if dims else array


def reference_depth(run: xr.DataTree) -> float:
    """Depth at which intercepts are defined, cm, from the run's specification."""
    spec = json_attribute(run, "spec", {})
    for block in (spec, *spec.get("blocks", ())):
        options = block.get("model_options") if isinstance(block, Mapping) else None
        if options and "reference_depth_cm" in options:
            return float(options["reference_depth_cm"])
    return REFERENCE_CM


def has(run: xr.DataTree, *paths: str) -> bool:
    """Whether a run holds all of some variables, each given as group/name."""
    found = (path.split("/") for path in paths)
    return all(
        where in run.children and name in run.children[where].data_vars for where, name in found
    )


def population_names(run: xr.DataTree, *, of_components: bool = True) -> tuple[str, ...]:
    """Population parameters of a run, in the order in which people read them.

    Parameters
    ----------
    run : DataTree
    of_components : bool
        Include those that have a value for each component.
    """
    data = group(run, "posterior")
    known = tuple(name for name in POPULATION if name in data)
    if known:
        return known
    dims = {"chain", "draw"} | ({GRID_COMPONENT} if of_components else set())
    return tuple(name for name in VARIABLES if name in data and set(data[name].dims) <= dims)


def draws_first(run: xr.DataTree, where: str, name: str, *dims: str) -> Floats:
    """Return a variable as (all draws of all chains, *dims)."""
    kept = "draw_kept" in variable(run, where, name).dims
    draw = "draw_kept" if kept else "draw"
    array = variable(run, where, name, "chain", draw, *dims)
    values = np.asarray(array.values, dtype=float)
    return values.reshape(-1, *values.shape[2:])


def parameters(
    run: xr.DataTree, names: tuple[str, ...], where: str = "posterior"
) -> Iterator[Parameter]:
    """Yield the scalar parameters of a group; names that the model does not have are skipped."""
    data = group(run, where)
    truth = json_attribute(run, "truth", {})
    for name in names:
        if name not in data:
            continue
        array = data[name]
        extra = [str(dim) for dim in array.dims if dim not in {"chain", "draw"}]
        array = array.transpose("chain", "draw", *extra)
        if not extra:
            yield Parameter(name, "", np.asarray(array, float), _truth(truth, name, ""))
            continue
        for position, label in enumerate(labels(array, extra[0])):
            draws = np.asarray(array.isel({extra[0]: position}), float)
            yield Parameter(name, label, draws, _truth(truth, name, label))


def origin_of(attrs: Mapping[Any, Any]) -> str:
    """Say where the data are from; of a place on a machine only its end, as reports are passed on.

    Examples
    --------
    >>> origin_of({"origin": "/disk/ann/soil/data"})
    '…/soil/data'
    """
    origin = str(attrs.get("origin", "unknown"))
    if not Path(origin).is_absolute():
        return origin
    return "/".join(("…", *Path(origin).parts[-2:]))


def labels(array: xr.DataArray | xr.Dataset, dim: str) -> list[str]:
    """Return the labels of a dimension as text, or its positions where it has none.

    Raises
    ------
    RunError
        If there is no such dimension, as in a run of an older version.
    """
    if dim not in array.dims:
        have = ", ".join(str(one) for one in array.dims) or "none"
        raise RunError(f"run: dimension {dim} is missing; it has {have}: fit the model again")
    if dim in array.coords and array[dim].dims == (dim,):
        return [str(label) for label in array[dim].values]
    return [str(position) for position in range(array.sizes[dim])]


def _truth(truth: Any, name: str, label: str) -> float:
    value = truth.get(name) if isinstance(truth, Mapping) else None
    if isinstance(value, Mapping):
        value = value.get(label)
    return float(value) if isinstance(value, int | float) else float("nan")


def json_attribute(run: xr.DataTree, name: str, default: Any) -> Any:
    """Return an attribute of the run that holds JSON text; the default where it is absent.

    Raises
    ------
    RunError
        If the text is not JSON.
    """
    text = run.attrs.get(name)
    if not text:
        return default
    try:
        value = json.loads(text)
    except (TypeError, ValueError) as error:
        raise RunError(f"run: attribute {name} is not JSON ({error}); fit again") from None
    return default if value is None else value


def biome_name(key: str) -> str:
    """Name of a biome for people; an unknown key is its own name."""
    return NAMES.get(key, key)


def standard_layer_of(depth_cm: Floats) -> NDArray[np.str_]:
    """Label of the standard layer that holds a depth (cm); the last one holds its lower edge."""
    index = np.searchsorted(np.asarray(STANDARD_EDGES_CM, float), depth_cm, side="right") - 1
    return np.asarray(STANDARD_LAYERS)[np.clip(index, 0, len(STANDARD_LAYERS) - 1)]


def layer_frame(run: xr.DataTree) -> pd.DataFrame:
    """Return the layers of a run, one row each, with biome and profile labels and Δ14C.

    Returns
    -------
    DataFrame
        row, entry, site, profile, biome (key), top_cm, bottom_cm, depth_cm, standard_layer,
        sample_year, sample_time, zone, delta14c (‰).
    """
    data = group(run, "constant_data")
    biomes = np.asarray(labels(data, "biome"), dtype=object)
    profiles = np.asarray(labels(data, "profile"), dtype=object)
    plain = ("row", "entry", "site", "top_cm", "bottom_cm", "depth_cm")
    missing = [name for name in (*plain, "profile_index", "biome_index") if name not in data]
    if missing:
        raise RunError(f"run: constant_data/{missing[0]} is missing; fit the model again")
    frame = pd.DataFrame({name: data[name].values for name in plain})
    frame.insert(3, "profile", profiles[data["profile_index"].values.astype(int)])
    frame.insert(4, "biome", biomes[data["biome_index"].values.astype(int)])
    frame["standard_layer"] = standard_layer_of(np.asarray(data["depth_cm"], float))
    for name in ("sample_year", "sample_time", "zone"):
        frame[name] = data[name].values
    for name in ("entry", "site", "zone"):
        frame[name] = frame[name].astype(str)
    frame["delta14c"] = variable(run, "observed_data", "delta14c", "layer").values
    return frame
