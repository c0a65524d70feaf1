"""The cells of one block that are mapped: covariates, biome, place, and their weight in totals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayes_rootc.errors import DataError
from bayes_rootc.layers import BIOMES
from bayes_rootc.mapping.cube import Block, Cube
from bayes_rootc.mapping.statistics import Values
from bayes_rootc.spec.map import GridSection
from bayes_rootc.units import MG_PER_HA, Floats

MOST_MISSING = 0.5
"""Part of the covariates beyond which a cell is not mapped."""

HA_PER_KM2, PG_PER_MG = 100.0, 1e-9
ROUNDING = 1e-6

REASONS = ("no biome", "most covariates missing", "no gridded NPP")
"""Why a cell of the grid has no value, in the order in which they are looked at."""

GAPS, NO_LAND = "gaps filled", "no land fraction"
COUNTED = ("mapped", *REASONS, GAPS, NO_LAND)
"""What is counted of cells. The last two are among the mapped: covariates that took a typical
value; and a missing part of land, without which a cell has maps but no place in the totals."""


@dataclass(frozen=True)
class Wanted:
    """What the engines of a map need of a cell.

    Attributes
    ----------
    covariates : tuple of str
    required : tuple of str
        Covariates without which a cell is not mapped.
    npp : str
        Variable of gridded NPP, g C m-2 yr-1; "" where the grid has none.
    """

    covariates: tuple[str, ...]
    required: tuple[str, ...]
    npp: str


@dataclass(frozen=True)
class Cells:
    """The n cells of a block that are mapped.

    Attributes
    ----------
    table : DataFrame
        Covariates, ``lat``, ``lon``, and ``place``, which names a cell in errors.
    biome : ndarray of int, shape (n,)
        0 to 8.
    at : ndarray of int, shape (n,)
        Place in the block, row by row.
    weight : ndarray, shape (n,)
        Pg of a total for one Mg per hectare; 0 where the part of land is missing.
    npp : ndarray, shape (n,)
        Gridded NPP, Mg C ha-1 yr-1; NaN where there is none.
    counts : dict
        Every one of :data:`COUNTED`, over all cells of the block.
    """

    table: pd.DataFrame
    biome: NDArray[np.intp]
    at: NDArray[np.intp]
    weight: Floats
    npp: Floats
    counts: dict[str, int]


def read_cells(cube: Cube, section: GridSection, wanted: Wanted, block: Block) -> Cells:
    """Read the cells of a block, and count what becomes of them.

    Raises
    ------
    DataError
        As :func:`read_codes`.
    """
    biome, land = (values.ravel() for values in read_codes(cube, section, block))
    names = wanted.covariates
    data = cube.read(dict.fromkeys([*names, *([wanted.npp] if wanted.npp else [])]), block)
    covariates = np.empty((biome.size, len(names)), np.float32)
    for i, name in enumerate(names):
        covariates[:, i] = data[name].ravel()
        if name == wanted.npp and name not in wanted.required:
            # Products of NPP leave bare ground out: not the typical place, but one without NPP.
            np.nan_to_num(covariates[:, i], copy=False, nan=0.0)
    missing = np.isnan(covariates)
    known = ~np.isnan(biome)
    enough = known & (missing.sum(axis=1) <= MOST_MISSING * len(names))
    mapped = enough & ~missing[:, [names.index(name) for name in wanted.required]].any(axis=1)
    left = (~known, known & ~enough, enough & ~mapped)
    at = np.flatnonzero(mapped)
    of_all = (mapped, *left, missing[at].any(axis=1), np.isnan(land[at]))
    counts = {name: int(cells.sum()) for name, cells in zip(COUNTED, of_all, strict=True)}
    rows, columns = np.divmod(at, block.shape[1])
    lat, lon = cube.lat[block.rows][rows], cube.lon[block.columns][columns]
    table = pd.DataFrame(covariates[at].astype(float), columns=list(names))
    places = [_place(a, b) for a, b in zip(lat, lon, strict=True)]
    area = cube.cell_area_km2(block.rows)[rows] * HA_PER_KM2 * PG_PER_MG
    npp = data[wanted.npp].ravel()[at].astype(float) if wanted.npp else np.full(len(at), np.nan)
    return Cells(
        table=table.assign(lat=lat, lon=lon, place=places),
        biome=biome[at].astype(np.intp) - 1,
        at=at,
        weight=area * np.nan_to_num(land[at].astype(float), nan=0.0),
        npp=MG_PER_HA * npp,
        counts=counts,
    )


def read_codes(cube: Cube, section: GridSection, block: Block) -> tuple[Values, Values]:
    """Biome, and part of land, of the cells of a block: NaN where missing.

    Raises
    ------
    DataError
        If a biome is none, or a cell with a biome has a part of land beyond 0 to 1; names the
        first such cell.
    """
    names = [name for name in (section.biome, section.land_fraction) if name]
    data = cube.read(names, block)
    biome = data[section.biome]
    known = ~np.isnan(biome)
    low, high = min(BIOMES), max(BIOMES)
    _refuse(
        known & ~np.isin(biome, list(BIOMES)), biome, ("biome", section.biome), (cube, block),
        f"whole numbers {low} to {high}, missing where no land is",
    )  # fmt: skip
    if not section.land_fraction:
        return biome, np.ones_like(biome)
    land = data[section.land_fraction]
    beyond = known & ((land < 0.0) | (land > 1.0 + ROUNDING))
    _refuse(beyond, land, ("land_fraction", section.land_fraction), (cube, block), "0 to 1")
    return biome, land


def _refuse(
    wrong: NDArray[np.bool_], values: Values, key: Sequence[str], where: tuple[Cube, Block],
    right: str,
) -> None:  # fmt: skip
    if not wrong.any():
        return
    row, column = np.argwhere(wrong)[0]
    cube, block = where
    place = _place(cube.lat[block.rows][row], cube.lon[block.columns][column])
    raise DataError(
        f"{cube.path}: grid.{key[0]} = {key[1]!r} holds {values[row, column]:g} at {place}; "
        f"right: {right}"
    )


def _place(lat: float, lon: float) -> str:
    return f"the cell {lat:g} N, {lon:g} E"
