"""Typed view of a map file: which grid, which runs, which engines, how it is written."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from bayes_rootc.spec.turnover import Section

Engine = Literal["forest", "posterior"]
Quantile = Annotated[float, Field(gt=0, lt=1)]
Resampling = Literal["nearest", "average", "bilinear", "mode"]


class LayerSection(Section):
    """A layer that ``grid build`` puts on the grid; in the cube: scale · value + offset."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z]\w*$")]
    file: str
    variable: str = ""
    units: str
    scale: float = 1.0
    offset: float = 0.0
    fill: float | None = None  # what a missing cell of the file counts as, before resampling
    resampling: Resampling = "average"
    crs: str = "EPSG:4326"


class BuildSection(Section):
    """Grid on which ``grid build`` puts the layers: cell centres, degrees."""

    resolution_degrees: Annotated[float, Field(gt=0, le=10)] = 0.5
    north: Annotated[float, Field(ge=-90, le=90)] = 90.0
    south: Annotated[float, Field(ge=-90, le=90)] = -90.0
    west: Annotated[float, Field(ge=-180, le=180)] = -180.0
    east: Annotated[float, Field(ge=-180, le=180)] = 180.0
    layers: Annotated[tuple[LayerSection, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _is_a_grid(self) -> BuildSection:
        if not (self.north > self.south and self.east > self.west):
            raise ValueError(
                f"north {self.north:g}, south {self.south:g}, west {self.west:g}, east "
                f"{self.east:g} enclose nothing; north must be above south, east above west"
            )
        for low, high in ((self.south, self.north), (self.west, self.east)):
            cells = (high - low) / self.resolution_degrees
            if abs(cells - round(cells)) > 1e-6:
                raise ValueError(
                    f"{low:g} to {high:g} degrees are {cells:g} cells of "
                    f"{self.resolution_degrees:g}; it must be a whole number"
                )
        names = [layer.name for layer in self.layers]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"layers names {', '.join(twice)} twice; it must name each once")
        return self


class GridSection(Section):
    """Covariates by cell, NetCDF or Zarr; sought here, then in the data folder."""

    file: str = "grid/covariates_0p5deg.nc"
    biome: str = "biome"
    land_fraction: str = "land_fraction"  # "": a cell is all land
    npp: str = "npp"  # g C m-2 yr-1; to the forests a cell of land without it is bare ground


class ForestSection(Section):
    """Random forests of ln I_root and ln I_bulk, and their intervals (eqs. 9 and 10)."""

    n_trees: Annotated[int, Field(ge=20, le=1000)] = 500
    min_leaf: Annotated[int, Field(ge=1, le=1000)] = 5
    max_features: Annotated[float, Field(gt=0, le=1)] = 1.0 / 3.0
    inside: Annotated[float, Field(gt=0, lt=1)] = 0.8
    tau: Literal["oob", "bootstrap"] = "oob"
    repeats: Annotated[int, Field(ge=5, le=5000)] = 500
    held_out: Literal["profile", "block"] = "block"
    block_degrees: Annotated[float, Field(gt=0, le=90)] = 5.0


class PosteriorSection(Section):
    """Posterior predictive maps from the draws of a joint run."""

    root: Literal["bnpp", "npp"] = "bnpp"
    clamp: bool = True


class OutputSection(Section):
    """Draws and statistics of both engines, and size of the blocks (cells)."""

    draws: Annotated[int, Field(ge=20, le=10_000)] = 500
    quantiles: Annotated[tuple[Quantile, ...], Field(strict=False)] = (
        0.025, 0.5, 0.975,
    )  # fmt: skip
    block_lat: Annotated[int, Field(ge=1, le=4096)] = 45
    block_lon: Annotated[int, Field(ge=1, le=4096)] = 90

    @model_validator(mode="after")
    def _quantiles_rise(self) -> OutputSection:
        if list(self.quantiles) != sorted(set(self.quantiles)):
            raise ValueError(f"quantiles {list(self.quantiles)} must rise")
        if 0.5 not in self.quantiles[1:-1]:
            raise ValueError(
                f"quantiles {list(self.quantiles)} must hold 0.5 and numbers on both sides of it: "
                "the median, and the ends of the interval"
            )
        return self


class MapSpec(Section):
    """Maps of I_root, I_bulk and I_loss."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    model: Literal["map"]
    run: str = "runs/joint"
    learning: str = "runs/learning"
    engines: Annotated[tuple[Engine, ...], Field(strict=False)] = (
        "forest", "posterior",
    )  # fmt: skip
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 20260101
    grid: GridSection = GridSection()
    build: BuildSection = BuildSection()
    forest: ForestSection = ForestSection()
    posterior: PosteriorSection = PosteriorSection()
    output: OutputSection = OutputSection()

    @model_validator(mode="after")
    def _engines_once(self) -> MapSpec:
        if not self.engines or len(set(self.engines)) < len(self.engines):
            raise ValueError(
                f"engines {list(self.engines)} must name forest, posterior or both, each once"
            )
        return self
