"""Figures of a learning run."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from bayes_rootc.report.figures.learning import PREDICTOR_UNITS, dependence
from fake_learning import fake_learning

SPELT_BY_THE_GRID = {"°C": "degC", "%": "percent", "°": "degree", "–": "1"}
DIGITS = str.maketrans("⁻¹²³", "-123")


def test_partial_dependence_says_the_unit_of_its_predictor_where_it_is_known() -> None:
    tables, _ = fake_learning(feature="npp")
    labels = {ax.get_xlabel() for ax in dependence(tables).axes if ax.get_visible()}
    assert labels == {"npp (g C m⁻² yr⁻¹)", "biome"}


def test_units_of_predictors_are_those_of_the_grid(data_folder: Path) -> None:
    with xr.open_dataset(data_folder / "grid" / "covariates_0p5deg.nc") as grid:
        for name in PREDICTOR_UNITS.keys() & {str(one) for one in grid}:
            unit = PREDICTOR_UNITS[name].replace("g C ", "g ")
            spelt = SPELT_BY_THE_GRID.get(unit, unit.translate(DIGITS))
            assert spelt == grid[name].attrs["units"], name
        assert len(PREDICTOR_UNITS.keys() & {str(one) for one in grid}) >= 30
