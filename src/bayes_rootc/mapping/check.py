"""Does a grid suit what was learned? Coverage, units, ranges, and the area of applicability."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayes_rootc.errors import DataError, RunError
from bayes_rootc.files import replacing
from bayes_rootc.inference.learned_folder import open_learned, open_table
from bayes_rootc.learning.folds import folds_of
from bayes_rootc.learning.table import LearningTable
from bayes_rootc.mapping.applicability import Applicability, learn_applicability
from bayes_rootc.mapping.cells import read_codes
from bayes_rootc.mapping.cube import Cube, open_cube
from bayes_rootc.mapping.forest import DEPTHS, TARGETS
from bayes_rootc.mapping.statistics import Values
from bayes_rootc.spec.learning import LearningSpec
from bayes_rootc.spec.map import MapSpec
from bayes_rootc.units import Floats


@dataclass(frozen=True)
class GridCheck:
    """What :func:`check_cube` found.

    Attributes
    ----------
    variables : DataFrame
        Per target and covariate: units, percent of the land (by area) with a value, middle and
        ends on the grid and in the training data, percent of the land beyond the training range.
    areas : DataFrame
        Per target: places learned from, dissimilarity beyond which a cell lies outside the area
        of applicability, percent of the land inside it.
    path : Path
        NetCDF with ``dissimilarity_TARGET`` and ``inside_TARGET``.
    """

    variables: pd.DataFrame
    areas: pd.DataFrame
    path: Path


def check_cube(spec: MapSpec, grid: Path, learning: Path, path: Path) -> GridCheck:
    """Check a grid against a learning run and write the dissimilarity of its cells.

    Parameters
    ----------
    spec : MapSpec
    grid : Path
    learning : Path
        Learning run with the targets ``i_root`` and ``i_bulk``.
    path : Path
        NetCDF to write.

    Raises
    ------
    DataError, RunError
        If the grid or the learning run cannot be used.
    """
    layers: dict[str, Any] = {}
    variables, areas = [], []
    for target in TARGETS:
        table = open_table(learning, target)
        names = [str(n) for n in table.features if n not in (*DEPTHS, "biome")]
        land = [spec.grid.land_fraction] if spec.grid.land_fraction else []
        cube = open_cube(grid, [*names, spec.grid.biome, *land])
        area, n_places = _area(table, names, learning)
        dissimilarity, seen = _dissimilarity(spec, cube, table.features[names], area)
        layers |= _layers(target, dissimilarity, area.threshold)
        variables.append(seen.table(names, cube).assign(target=target))
        within = float(seen.inside / seen.area)
        areas.append((target, n_places, area.threshold, 100.0 * within))
    _write(layers, cube, path)
    joined = pd.concat(variables, ignore_index=True)
    return GridCheck(
        variables=joined[["target", *joined.columns.drop("target")]],
        areas=pd.DataFrame(areas, columns=["target", "places", "threshold", "inside_percent"]),
        path=path,
    )


def _dissimilarity(
    spec: MapSpec, cube: Cube, training: pd.DataFrame, area: Applicability
) -> tuple[Values, _Seen]:
    """Dissimilarity of every cell of land, NaN elsewhere, and what was seen of the covariates."""
    names = [str(name) for name in training]
    found = np.full((len(cube.lat), len(cube.lon)), np.nan, np.float32)
    seen = _Seen(training.to_numpy(float))
    for block in cube.blocks(spec.output.block_lat, spec.output.block_lon):
        codes, part_of_land = read_codes(cube, spec.grid, block)
        data = cube.read(names, block)
        land = np.isfinite(codes)
        if not land.any():
            continue
        x = np.stack([data[name][land] for name in names], axis=1).astype(float)
        apart = area.dissimilarity(x)
        weight = cube.cell_area_km2(block.rows)[:, None] * np.nan_to_num(part_of_land)
        seen.add(x, weight[land], apart <= area.threshold)
        part = np.full(block.shape, np.nan, np.float32)
        part[land] = apart
        found[block.rows, block.columns] = part
    if not seen.area:
        raise DataError(f"{cube.path}: {spec.grid.biome} has no value in any cell of land")
    return found, seen


def _area(table: LearningTable, names: list[str], learning: Path) -> tuple[Applicability, int]:
    """Area of applicability of the places of a table, weighted by importance; their number."""
    learned = open_learned(learning)
    importance = learned.tables.get("importance")
    if importance is None:
        raise RunError(f"{learning}: has no importance.csv; learn again")
    own = importance[importance["target"] == table.name].set_index("feature")["importance"]
    weight = own.reindex(names).fillna(0.0).to_numpy(float)
    spec = LearningSpec.model_validate(learned.info["spec"])
    first = ~table.features[names].assign(lat=table.lat, lon=table.lon).duplicated().to_numpy()
    places = table.rows(first)
    section = spec.validation
    fold = folds_of(places, "grouped", section.n_folds, spec.seed, section.block_degrees)
    area = learn_applicability(places.features[names].to_numpy(float), fold, weight)
    return area, len(places.y)


class _Seen:
    """Running extremes and areas of the covariates of land, block by block."""

    def __init__(self, training: Floats) -> None:
        self.training = training
        self.low, self.high = np.nanmin(training, axis=0), np.nanmax(training, axis=0)
        n_variables = training.shape[1]
        self.area, self.inside = 0.0, 0.0
        self.some: list[Floats] = []
        self.known, self.beyond = np.zeros((2, n_variables))
        self.smallest, self.largest = np.full(n_variables, np.inf), np.full(n_variables, -np.inf)

    def add(self, x: Floats, weight: Floats, inside: NDArray[np.bool_]) -> None:
        """Add up the areas of land (weight) of the cells of a block."""
        self.area += float(weight.sum())
        self.inside += float(weight @ inside)
        self.known += weight @ np.isfinite(x)
        self.beyond += weight @ ((x < self.low) | (x > self.high))
        self.smallest = np.fmin(self.smallest, np.fmin.reduce(x, axis=0))
        self.largest = np.fmax(self.largest, np.fmax.reduce(x, axis=0))
        self.some.append(x[:: max(len(x) // 200, 1)].copy())  # a view would keep the block

    def table(self, names: list[str], cube: Cube) -> pd.DataFrame:
        """One row a covariate; the middle of the grid is that of a sample of its cells."""
        some = np.concatenate(self.some)
        known = np.where(self.known > 0.0, self.known, 1.0)
        return pd.DataFrame(
            {
                "variable": names,
                "units": [cube.units.get(name, "") for name in names],
                "land_with_value_percent": 100.0 * self.known / self.area,
                "grid_min": self.smallest,
                "grid_median": np.nanmedian(some, axis=0),
                "grid_max": self.largest,
                "training_min": self.low,
                "training_median": np.nanmedian(self.training, axis=0),
                "training_max": self.high,
                "land_beyond_training_percent": 100.0 * self.beyond / known,
            }
        )


def _layers(target: str, dissimilarity: Values, threshold: float) -> dict[str, Any]:
    """Variables of the NetCDF of a target."""
    inside = np.where(np.isfinite(dissimilarity), dissimilarity <= threshold, np.nan)
    text = "distance to the nearest training place over the mean distance of two of them"
    source = "Meyer & Pebesma (2021), doi:10.1111/2041-210X.13650"
    about = {"units": "1", "long_name": f"{target}: {text}", "threshold": threshold}
    name = f"{target}: 1 inside the area of applicability, 0 outside"
    dims = ("lat", "lon")
    return {
        f"dissimilarity_{target}": (dims, dissimilarity, {**about, "references": source}),
        f"inside_{target}": (dims, inside.astype(np.float32), {"units": "1", "long_name": name}),
    }


def _write(layers: dict[str, Any], cube: Cube, path: Path) -> None:
    data = xr.Dataset(
        layers,
        {
            "lat": ("lat", cube.lat, {"units": "degrees_north"}),
            "lon": ("lon", cube.lon, {"units": "degrees_east"}),
        },
        {"Conventions": "CF-1.11"},
    )
    with replacing(path) as beside:
        data.to_netcdf(beside, engine="h5netcdf")
