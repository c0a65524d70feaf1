"""Biome of a place from its vegetation label, its climate and, where there is one, the grid.

A label names the biome itself ("tundra"), or a kind of vegetation that the climate splits
("grassland"), or nothing clear ("peatland"), in which case the biome map of the grid decides.

===============================  =====================================================
label                            biome
===============================  =====================================================
grassland, savanna               2 where the coldest quarter has at least 15 °C, else 4
forest                           1 where the coldest quarter has at least 15 °C,
                                 6 where the annual mean is below 3 °C, else 3
shrubland                        5, but 7 or 8 where the natural map has tundra or desert
peatland, wetland, bare, urban   natural map (without croplands)
none, or one not known here      map with croplands
===============================  =====================================================

Without the grid (or off its land) the coldest quarter is estimated from the annual mean and the
latitude, see :func:`coldest_quarter`; without an annual mean the tropics count as warm.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bayes_rootc.data.biome_grid import read_grid_at
from bayes_rootc.layers import BIOMES

Floats = NDArray[np.float64]

WARM_WINTER = 15.0
"""Mean temperature of the coldest quarter that parts tropical from temperate, °C."""

BOREAL_MEAN = 3.0
"""Annual mean temperature below which a forest is boreal, °C."""

TROPIC = 23.5
"""Latitude of the tropics, degrees."""

WINTER_SLOPE = 0.25
"""By how much the coldest quarter falls below the annual mean with latitude, °C per degree.

Chosen on the half-degree grid, not on layers: it puts 1.3 % of its natural grassland cells (5 %
of all cells within 50° of the equator) on the wrong side of :data:`WARM_WINTER`.
"""

_TUNDRA, _DESERT = 7.0, 8.0


def coldest_quarter(mat: ArrayLike, lat: ArrayLike) -> Floats:
    """Rough mean temperature of the coldest quarter, °C: MAT - 0.25 |latitude|.

    Parameters
    ----------
    mat : array_like
        Mean annual temperature, °C.
    lat : array_like
        Latitude, degrees, broadcast against ``mat``. Valid within 50° of the equator.

    Examples
    --------
    >>> float(coldest_quarter(20.0, -12.0))
    17.0
    """
    return np.asarray(mat, float) - WINTER_SLOPE * np.abs(np.asarray(lat, float))


@dataclass(frozen=True)
class Place:
    """Climate and map of places; every array has one value per place, NaN where unknown."""

    lat: Floats
    mat: Floats
    winter: Floats
    natural: Floats
    mapped: Floats
    on_grid: NDArray[np.bool_]

    def only(self, where: NDArray[np.bool_]) -> Place:
        """Keep the places where ``where`` holds."""
        return replace(self, **{name: getattr(self, name)[where] for name in vars(self)})


Decision = tuple[Floats, NDArray[np.str_]]
Decide = Callable[[Place], Decision]


def _named(number: int) -> Decide:
    def decide(place: Place) -> Decision:
        return np.full(place.lat.shape, float(number)), np.full(place.lat.shape, "label")

    return decide


def _by_climate(place: Place, biome: Floats) -> Decision:
    return biome, np.where(np.isnan(biome), "", np.where(place.on_grid, "label", "fallback"))


def _is_warm(place: Place) -> Floats:
    """1 where the coldest quarter is warm, 0 where not, NaN where nothing is known."""
    rough = np.where(np.isnan(place.lat), np.nan, np.abs(place.lat) < TROPIC)
    return np.where(np.isnan(place.winter), rough, place.winter >= WARM_WINTER)


def _grassland(place: Place) -> Decision:
    warm = _is_warm(place)
    return _by_climate(place, np.where(np.isnan(warm), np.nan, np.where(warm == 1, 2.0, 4.0)))


def _forest(place: Place) -> Decision:
    warm = _is_warm(place)
    cool = np.where(place.mat < BOREAL_MEAN, 6.0, 3.0)
    # Without any temperature a cool forest may be temperate or boreal: not known.
    cool = np.where(np.isnan(place.mat), np.nan, cool)
    return _by_climate(place, np.where(np.isnan(warm), np.nan, np.where(warm == 1, 1.0, cool)))


def _shrubland(place: Place) -> Decision:
    cold_or_dry = np.isin(place.natural, (_TUNDRA, _DESERT))
    return _by_climate(place, np.where(cold_or_dry, place.natural, 5.0))


def _natural_map(place: Place) -> Decision:
    return place.natural, np.where(np.isnan(place.natural), "", "grid")


def _full_map(place: Place) -> Decision:
    return place.mapped, np.where(np.isnan(place.mapped), "", "grid")


_SPELLINGS: tuple[tuple[Decide, tuple[str, ...]], ...] = (
    (
        _named(1),
        (
            "tropical forest",
            "tropical and subtropical moist broadleaf forests",
            "tropical and subtropical dry broadleaf forests",
            "tropical and subtropical coniferous forests",
        ),
    ),
    (_named(2), ("tropical and subtropical grasslands savannas and shrublands",)),
    (
        _named(3),
        (
            "temperate forest",
            "temperate broadleaf and mixed forests",
            "temperate coniferous forests",
            "temperate conifer forests",
        ),
    ),
    (_named(4), ("temperate grasslands savannas and shrublands", "temperate grassland")),
    (
        _named(5),
        (
            "mediterranean forests woodlands and scrub",
            "montane grasslands and shrublands",
            "alpine herbaceous",
        ),
    ),
    (_named(6), ("boreal forest", "boreal forests taiga")),
    (_named(7), ("tundra",)),
    (_named(8), ("desert", "deserts and xeric shrublands")),
    (_named(9), ("cropland", "cultivated")),
    (
        _grassland,
        (
            "grassland",
            "grasslands",
            "savanna",
            "savannas",
            "wooded grassland",
            "rangeland grassland",
            "flooded grasslands and savannas",
        ),
    ),
    (_forest, ("forest",)),
    (_shrubland, ("shrubland", "shrublands")),
    (_natural_map, ("peatland", "wetland", "bare", "urban", "woodland")),
    (_full_map, ("", "pasture", "mangroves")),
)


def normal_label(label: str) -> str:
    """Label in lower case, punctuation as single spaces, ``&`` as ``and``.

    Examples
    --------
    >>> normal_label("Temperate grasslands, savannas & shrublands")
    'temperate grasslands savannas and shrublands'
    """
    return re.sub(r"[^a-z0-9]+", " ", label.casefold().replace("&", " and ")).strip()


LABELS: dict[str, Decide] = {
    normal_label(text): _named(biome.number)
    for biome in BIOMES.values()
    for text in (biome.key, biome.name)
} | {label: decide for decide, labels in _SPELLINGS for label in labels}
"""What each known label means.

The nine biomes are known by their own keys and names too; where a key is also a kind of
vegetation ("shrublands"), the climate has its say.
"""


def assign_biomes(
    labels: pd.Series,
    lat: pd.Series,
    lon: pd.Series,
    mat: pd.Series,
    data_folder: Path | None,
) -> pd.DataFrame:
    """Biome of each row, and how it was found.

    Parameters
    ----------
    labels : Series of str
        Vegetation labels; ``""`` for none. One not in :data:`LABELS` counts as none.
    lat, lon : Series of float
        Degrees; longitude from -180 to 360. NaN where unknown.
    mat : Series of float
        Mean annual temperature of the row, °C, used where the grid gives none.
    data_folder : Path or None
        Folder that may hold ``grid/covariates_0p5deg.nc``.

    Returns
    -------
    DataFrame
        ``biome`` (1 to 9, NaN unknown) and ``biome_source``: "label" (the label, with the climate
        of the grid where it needs one), "grid" (the biome map), "fallback" (the label, with a
        climate estimated from the row or, for shrublands, without a look at the map), "" unknown.
        Index of ``labels``.

    Raises
    ------
    DataError
        If the grid is there but cannot be read, or lacks a variable.
    """
    place = _places(lat.to_numpy(float), lon.to_numpy(float), mat.to_numpy(float), data_folder)
    normal = labels.map(normal_label)
    biome = np.full(len(labels), np.nan)
    source = np.full(len(labels), "", dtype=object)
    for label in normal.unique():
        here = (normal == label).to_numpy()
        biome[here], source[here] = LABELS.get(label, _full_map)(place.only(here))
    return pd.DataFrame({"biome": biome, "biome_source": source}, index=labels.index)


def _places(lat: Floats, lon: Floats, mat: Floats, data_folder: Path | None) -> Place:
    """Climate of the grid, else of the row itself; and the two maps."""
    grid = read_grid_at(lat, lon, data_folder)
    on_grid = ~np.isnan(grid["bio11"])
    return Place(
        lat=lat,
        mat=np.where(on_grid, grid["bio01"], mat),
        winter=np.where(on_grid, grid["bio11"], coldest_quarter(mat, lat)),
        natural=grid["biome_natural"],
        mapped=grid["biome"],
        on_grid=on_grid,
    )
