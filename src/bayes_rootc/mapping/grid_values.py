"""Whether a grid holds what the engines learned from: its variables, codes, ranges and units."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bayes_rootc.errors import DataError
from bayes_rootc.mapping.cells import read_codes
from bayes_rootc.mapping.cube import Block, Cube, open_cube
from bayes_rootc.mapping.forest import ForestEngine
from bayes_rootc.mapping.posterior import PosteriorEngine
from bayes_rootc.spec.map import MapSpec
from bayes_rootc.units import Floats

SAMPLE_BLOCKS = 32
"""Blocks with land that are looked at before the first is mapped."""

MOST_SD = 4.0
"""Spreads of the training data by which the middle of a grid variable may lie off their mean."""

USUAL_NPP = (30.0, 3000.0)
"""Of the middle of land, g C m-2 yr-1: from cold deserts to rain forests."""


@dataclass(frozen=True)
class Learned:
    """A variable in the data that an engine learned from.

    Attributes
    ----------
    name : str
    mean, sd : float
        After the logarithm, if it is one.
    log : bool
        It entered as ln(1 + value).
    """

    name: str
    mean: float
    sd: float
    log: bool

    def usual(self) -> tuple[float, float]:
        """Ends of mean ± sd, in the units of the data."""
        ends = self.mean - self.sd, self.mean + self.sd
        low, high = np.expm1(ends) if self.log else ends
        return float(low), float(high)


def check_grid(
    spec: MapSpec, cube: Cube, engines: Sequence[ForestEngine | PosteriorEngine]
) -> None:
    """Refuse a grid that lacks a covariate, has none of its values, or has them in other units.

    Values are those of :data:`SAMPLE_BLOCKS` blocks with land, in an order drawn by the seed; the
    codes of all others are checked as they are mapped.

    Raises
    ------
    DataError
        Names the variable, its typical value here, and what was learned from.
    """
    open_cube(cube.path, [name for engine in engines for name in engine.variables])
    blocks = [*_with_land(spec, cube)]
    if not blocks:
        raise DataError(f"{cube.path}: {spec.grid.biome} has no value in any cell of land")
    if spec.grid.npp in cube.units:
        _check_npp(_values(cube, spec.grid.npp, spec.grid.biome, blocks), spec.grid.npp, cube)
    for engine in engines:
        for learned in learned_from(engine):
            _check_values(learned, _values(cube, learned.name, spec.grid.biome, blocks), cube)


def _with_land(spec: MapSpec, cube: Cube) -> Iterator[Block]:
    """Blocks with land, in random order; their codes are checked."""
    blocks = [*cube.blocks(spec.output.block_lat, spec.output.block_lon)]
    found = 0
    # Not every n-th: steps could keep pace with the rows of the grid, and see but one meridian.
    for number in np.random.default_rng(spec.seed).permutation(len(blocks)):
        biome, _ = read_codes(cube, spec.grid, blocks[number])
        if np.isfinite(biome).any():
            yield blocks[number]
            found += 1
            if found == SAMPLE_BLOCKS:
                return


def _values(cube: Cube, name: str, biome: str, blocks: Sequence[Block]) -> Floats:
    parts = []
    for block in blocks:
        data = cube.read([name, biome], block)
        here = np.isfinite(data[name]) & np.isfinite(data[biome])
        parts.append(data[name][here].astype(float))
    return np.concatenate(parts)


def _check_values(learned: Learned, values: Floats, cube: Cube) -> None:
    name = learned.name
    if not len(values):
        raise DataError(f"{cube.path}: {name} has no value in any cell of land")
    if learned.log and values.min() < 0.0:
        raise DataError(
            f"{cube.path}: {name} goes down to {values.min():g}, and enters as ln(1 + value); "
            "right: 0 or more"
        )
    middle = float(np.median(values))
    if abs((np.log1p(middle) if learned.log else middle) - learned.mean) > MOST_SD * learned.sd:
        units = f" {cube.units[name]}" if cube.units.get(name) else ""
        low, high = learned.usual()
        raise DataError(
            f"{cube.path}: {name} is typically {middle:g}{units}; the data that were learned from "
            f"have mostly {low:.3g} to {high:.3g}: are these other units (K for °C)?"
        )


def _check_npp(values: Floats, name: str, cube: Cube) -> None:
    """NPP is no covariate of the posterior, but what I_root is made of or set beside."""
    if not len(values):
        raise DataError(f"{cube.path}: {name} has no value in any cell of land")
    middle = float(np.median(values))
    if values.min() < 0.0 or not USUAL_NPP[0] <= middle <= USUAL_NPP[1]:
        raise DataError(
            f"{cube.path}: {name} is typically {middle:g}, its smallest value {values.min():g}; "
            f"right: 0 or more, typically {USUAL_NPP[0]:g} to {USUAL_NPP[1]:g} g C m-2 yr-1 "
            "(in kg or Mg per hectare?)"
        )


def learned_from(engine: ForestEngine | PosteriorEngine) -> Iterator[Learned]:
    """Variables of the grid that an engine learned from; a variable of both forests comes twice."""
    if isinstance(engine, PosteriorEngine):
        of = engine.components
        for name, mean, sd in zip(of.variables, of.mean, of.sd, strict=True):
            yield Learned(name, float(mean), float(sd), name in of.log)
        return
    for forest in (engine.i_root, engine.i_bulk):
        own = forest.preparation
        for name, mean, sd in zip(own.names, own.mean, own.spread, strict=True):
            if name in engine.variables:
                yield Learned(name, float(mean), float(sd), log=False)
