"""Percent C, bulk density and coarse fraction of ISRaD's layers, in the units of a fit.

Percent C is ``lyr_c_org``, else ``lyr_c_tot``; bulk density ``lyr_bd_samp`` (coarse fragments
removed), else ``lyr_bd_tot`` (with them). ISRaD's ``_fill_extra`` and ``_filled`` columns are
estimates: they stand in where nothing was measured, and are marked as filled.

``lyr_coarse_tot`` is percent of the *mass* of the sample, and ``coarse`` is the part of the soil
by which percent C times bulk density must shrink. Beside the bulk density of the whole sample
this is the mass fraction m itself; beside that of the fine earth, rho_fine, it is the volume
fraction (m / rho_coarse) / (m / rho_coarse + (1 - m) / rho_fine).
"""

from __future__ import annotations

from functools import reduce

import numpy as np
import pandas as pd

from bayes_rootc.data.numbers import Cells
from bayes_rootc.units import Floats

MEASURED = {
    "pct_c": ("lyr_c_org", "lyr_c_tot"),
    "bulk_density": ("lyr_bd_samp", "lyr_bd_tot"),
}
FILLED = {
    "pct_c": ("lyr_c_org_fill_extra", "lyr_c_org_filled"),
    "bulk_density": ("lyr_bd_samp_fill_extra", "lyr_bd_samp_filled"),
}
"""Our name → columns of ISRaD, the first that has a value decides."""

COARSE, COARSE_DENSITY = "lyr_coarse_tot", "lyr_coarse_density"

DENSITY_NUMBERS = (
    *(name for names in (*MEASURED.values(), *FILLED.values()) for name in names),
    COARSE,
    COARSE_DENSITY,
)
"""Columns that are read."""

ROCK_DENSITY = 2.65
"""Density of quartz, g cm-3; that of the fragments where it was not measured."""

USUAL_FINE_EARTH = 1.3
"""Bulk density of fine earth where none was measured, g cm-3."""


def densities(joined: pd.DataFrame, where: str) -> pd.DataFrame:
    """Percent C, bulk density and coarse fraction of layers.

    Parameters
    ----------
    joined : DataFrame
        ``row`` and the columns :data:`DENSITY_NUMBERS` as floats, NaN where missing.
    where : str
        File and sheet, for errors.

    Returns
    -------
    DataFrame
        ``pct_c`` (%; a zero, below detection, is empty and marked in ``pct_c_zero``),
        ``bulk_density`` (g cm-3), ``coarse`` (0 to below 1), and ``pct_c_filled``,
        ``bulk_density_filled`` (bool).

    Raises
    ------
    DataError
        If a coarse fraction is not a percentage below 100, or a density of fragments not above 0.
    """
    _check_coarse(joined, where)
    found = {"pct_c_zero": _first(joined, MEASURED["pct_c"]) == 0.0}
    for name, columns in MEASURED.items():
        measured = _first(joined, columns)
        if name == "pct_c":
            measured = measured.mask(found["pct_c_zero"])
        estimated = _first(joined, FILLED[name])
        found[name] = measured.fillna(estimated)
        found[f"{name}_filled"] = measured.isna() & estimated.notna()
    return pd.DataFrame(found).assign(coarse=_coarse(joined, found["bulk_density"]))


def _first(joined: pd.DataFrame, columns: tuple[str, ...]) -> pd.Series:
    return reduce(lambda values, name: values.fillna(joined[name]), columns[1:], joined[columns[0]])


def _coarse(joined: pd.DataFrame, bulk_density: pd.Series) -> Floats:
    mass = joined[COARSE].to_numpy(float) / 100.0
    stones = mass / joined[COARSE_DENSITY].fillna(ROCK_DENSITY).to_numpy(float)
    # An impossible bulk density is refused later, by name; here it only must not divide by 0.
    fine = bulk_density.where(bulk_density > 0).fillna(USUAL_FINE_EARTH).to_numpy(float)
    volume = stones / (stones + (1.0 - mass) / fine)
    whole = joined["lyr_bd_samp"].isna() & joined["lyr_bd_tot"].notna()
    return np.where(whole, mass, volume)


def _check_coarse(joined: pd.DataFrame, where: str) -> None:
    mass, stone = joined[COARSE], joined[COARSE_DENSITY]
    wrong = {
        COARSE: ((mass < 0) | (mass >= 100), "is no percentage of coarse fragments; it must lie "
                 "between 0 and 100, below 100"),
        COARSE_DENSITY: (stone <= 0, "is no density of fragments; it must be above 0 g cm-3"),
    }  # fmt: skip
    cells = Cells(where)
    for name, (bad, right) in wrong.items():
        for row, value in joined.loc[bad, ["row", name]].itertuples(index=False):
            cells.refuse(int(row), name, float(value), right)
    cells.finish()
