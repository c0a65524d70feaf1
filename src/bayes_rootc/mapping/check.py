"""Does a grid suit what was learned? Coverage, units, ranges, and the area of applicability."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from bayes_rootc.errors import DataError, RunError
from bayes_rootc.files import replacing
from bayes_rootc.inference.learned_folder import open_learned, open_table
from bayes_rootc.learning.folds import folds_of
from bayes_rootc.learning.table import LearningTable
from bayes_rootc.mapping.applicability import Applicability, learn_applicability
from bayes_rootc.mapping.cube import Cube, open_cube
from bayes_rootc.mapping.forest import DEPTHS
from bayes_rootc.spec.learning import LearningSpec
from bayes_rootc.spec.map import MapSpec
from bayes_rootc.units import Floats

TARGET = "i_bulk"


@dataclass(frozen=True)
class GridCheck:
    """What :func:`check_cube` found.

    Attributes
    ----------
    variables : DataFrame
        Per covariate: units, share of the land with a value, middle and ends on the grid and in
        the training data, share of the land beyond the training range.
    threshold : float
        Dissimilarity beyond which a cell lies outside the area of applicability.
    inside : float
        Share of the land inside it.
    path : Path
        NetCDF with ``dissimilarity`` and ``inside``.
    """

    variables: pd.DataFrame
    threshold: float
    inside: float
    path: Path


def check_cube(spec: MapSpec, grid: Path, learning: Path, path: Path) -> GridCheck:
    """Check a grid against a learning run and write the dissimilarity of its cells.

    Parameters
    ----------
    spec : MapSpec
    grid : Path
    learning : Path
        Learning run with the target ``i_bulk``.
    path : Path
        NetCDF to write.

    Raises
    ------
    DataError, RunError
        If the grid or the learning run cannot be used.
    """
    table = open_table(learning, TARGET)
    names = [str(n) for n in table.features if n not in (*DEPTHS, "biome")]
    cube = open_cube(grid, [*names, spec.grid.biome])
    training = table.features[names].to_numpy(float)
    area = _area(table, names, learning)
    dissimilarity = np.full((len(cube.lat), len(cube.lon)), np.nan, np.float32)
    seen = _Seen(training)
    for block in cube.blocks(spec.output.block_lat, spec.output.block_lon):
        data = cube.read([*names, spec.grid.biome], block)
        land = np.isfinite(data[spec.grid.biome])
        if not land.any():
            continue
        x = np.stack([data[name][land] for name in names], axis=1).astype(float)
        seen.add(x)
        part = np.full(block.shape, np.nan, np.float32)
        part[land] = area.dissimilarity(x)
        dissimilarity[block.rows, block.columns] = part
    if not seen.n:
        raise DataError(f"{grid}: {spec.grid.biome} has no value in any cell")
    _write(dissimilarity, area.threshold, cube, path)
    land = np.isfinite(dissimilarity)
    inside = float((dissimilarity[land] <= area.threshold).mean())
    return GridCheck(seen.table(names, cube), area.threshold, inside, path)


def _area(table: LearningTable, names: list[str], learning: Path) -> Applicability:
    """Area of applicability of the places of a table, predictors weighted by their importance."""
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
    return learn_applicability(places.features[names].to_numpy(float), fold, weight)


class _Seen:
    """Running extremes and counts of the covariates of land, block by block."""

    def __init__(self, training: Floats) -> None:
        self.training = training
        self.low, self.high = np.nanmin(training, axis=0), np.nanmax(training, axis=0)
        n_variables = training.shape[1]
        self.n, self.some = 0, []  # type: int, list[Floats]
        self.known, self.beyond = np.zeros((2, n_variables))
        self.smallest, self.largest = np.full(n_variables, np.inf), np.full(n_variables, -np.inf)

    def add(self, x: Floats) -> None:
        """Count the cells of a block."""
        self.n += len(x)
        self.known += np.isfinite(x).sum(axis=0)
        self.beyond += ((x < self.low) | (x > self.high)).sum(axis=0)
        self.smallest = np.fmin(self.smallest, np.fmin.reduce(x, axis=0))
        self.largest = np.fmax(self.largest, np.fmax.reduce(x, axis=0))
        self.some.append(x[:: max(len(x) // 200, 1)])

    def table(self, names: list[str], cube: Cube) -> pd.DataFrame:
        """One row a covariate; the middle of the grid is that of a sample of its cells."""
        some = np.concatenate(self.some)
        return pd.DataFrame(
            {
                "variable": names,
                "units": [cube.units.get(name, "") for name in names],
                "land_with_value": self.known / self.n,
                "grid_min": self.smallest,
                "grid_median": np.nanmedian(some, axis=0),
                "grid_max": self.largest,
                "training_min": self.low,
                "training_median": np.nanmedian(self.training, axis=0),
                "training_max": self.high,
                "land_beyond_training": self.beyond / np.maximum(self.known, 1.0),
            }
        )


def _write(dissimilarity: np.ndarray, threshold: float, cube: Cube, path: Path) -> None:
    inside = np.where(np.isfinite(dissimilarity), dissimilarity <= threshold, np.nan)
    text = "distance to the nearest training place over the mean distance of two of them"
    source = "Meyer & Pebesma (2021), doi:10.1111/2041-210X.13650"
    dims = ("lat", "lon")
    data = xr.Dataset(
        {
            "dissimilarity": (
                dims, dissimilarity,
                {"units": "1", "long_name": text, "threshold": threshold, "references": source},
            ),
            "inside": (
                dims, inside.astype(np.float32),
                {"units": "1", "long_name": "1 inside the area of applicability, 0 outside"},
            ),
        },
        {
            "lat": ("lat", cube.lat, {"units": "degrees_north"}),
            "lon": ("lon", cube.lon, {"units": "degrees_east"}),
        },
        {"Conventions": "CF-1.11"},
    )  # fmt: skip
    with replacing(path) as beside:
        data.to_netcdf(beside, engine="h5netcdf")
