"""Places, sites and observations of the flow models, as arrays (no PyMC).

A *site* is a biome at a place (coordinates to 0.01°): forest and grassland plots of one place are
two sites with the same covariates. All blocks refer to one list of sites.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayes_rootc.data.inputs import Inputs
from bayes_rootc.data.site_table import place_id
from bayes_rootc.layers import BIOMES, depth_basis
from bayes_rootc.models.design import Index
from bayes_rootc.units import Floats


@dataclass(frozen=True)
class Sites:
    """All sites of all tables.

    Attributes
    ----------
    label : tuple of str, length S
    biome : ndarray of int, shape (S,)
        0 to 8.
    place : ndarray of int, shape (S,)
        Row of ``places``.
    """

    label: tuple[str, ...]
    biome: Index
    place: Index

    def __len__(self) -> int:
        return len(self.label)


@dataclass(frozen=True)
class LayerRows:
    """Layers in profiles: what turnover and carbon density share.

    Attributes
    ----------
    profiles : tuple of str, length P
    profile_site : ndarray of int, shape (P,)
    profile : ndarray of int, shape (N,)
        Profile of each layer.
    depth : ndarray, shape (N,)
        Depth basis.
    """

    profiles: tuple[str, ...]
    profile_site: Index
    profile: Index
    depth: Floats


@dataclass(frozen=True)
class DensityRows:
    """Layers with % C or bulk density; the other half of each pair may be missing (NaN).

    Attributes
    ----------
    layer : ndarray of int, shape (M,)
        Row of the layers.
    ln_carbon : ndarray, shape (M,)
        ln (% C · (1 - coarse fraction)).
    ln_bulk : ndarray, shape (M,)
        ln bulk density, ln g cm-3.
    """

    layer: Index
    ln_carbon: Floats
    ln_bulk: Floats

    @property
    def has_carbon(self) -> NDArray[np.bool_]:
        """Whether % C is known."""
        return np.isfinite(self.ln_carbon)

    @property
    def has_both(self) -> NDArray[np.bool_]:
        """Whether the density itself is known."""
        return np.isfinite(self.ln_carbon) & np.isfinite(self.ln_bulk)


@dataclass(frozen=True)
class Records:
    """Repeated observations y of sites.

    Attributes
    ----------
    row : ndarray of int, shape (R,)
        Row of the table.
    site : ndarray of int, shape (R,)
    y : ndarray, shape (R,)
        On the scale of the model.
    """

    row: Index
    site: Index
    y: Floats


def list_sites(inputs: Inputs) -> Sites:
    """Every biome at every place that any table names, sorted by place and biome."""
    pairs = pd.concat([_pairs(table.table) for table in inputs.tables.values()])
    pairs = pairs.drop_duplicates().sort_values(["place", "biome"]).reset_index(drop=True)
    position = pd.Index(inputs.places["place"])
    return Sites(
        label=_labels(pairs),
        biome=pairs["biome"].to_numpy(int) - 1,
        place=position.get_indexer(pd.Index(pairs["place"])),
    )


def site_of(frame: pd.DataFrame, sites: Sites) -> Index:
    """Site of each row of a table with lat, lon (or place) and biome."""
    labels = _labels(_pairs(frame))
    # The type is told, for no rows have none of their own.
    return np.asarray(pd.Index(sites.label).get_indexer(pd.Index(labels, dtype=object)))


def _labels(pairs: pd.DataFrame) -> tuple[str, ...]:
    numbers = pairs["biome"].to_numpy(int)
    return tuple(
        f"{place} {BIOMES[biome].key}" for place, biome in zip(pairs["place"], numbers, strict=True)
    )


def _pairs(frame: pd.DataFrame) -> pd.DataFrame:
    place = [place_id(lat, lon) for lat, lon in zip(frame["lat"], frame["lon"], strict=True)]
    return pd.DataFrame({"place": place, "biome": frame["biome"].to_numpy(int)}, index=frame.index)


def layer_rows(layers: pd.DataFrame, sites: Sites, reference_cm: float) -> LayerRows:
    """Lay out layers in profiles; a profile stands where its first layer does."""
    profiles = layers.groupby("profile", sort=True).first()
    middle = (layers["top_cm"] + layers["bottom_cm"]).to_numpy(float) / 2.0
    return LayerRows(
        profiles=tuple(str(name) for name in profiles.index),
        profile_site=site_of(profiles, sites),
        profile=profiles.index.get_indexer(pd.Index(layers["profile"])),
        depth=depth_basis(middle, reference_cm),
    )


def density_rows(layers: pd.DataFrame) -> DensityRows:
    """Layers of which something is known about their carbon density."""
    coarse = layers["coarse"].fillna(0.0).to_numpy(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        carbon = np.log(layers["pct_c"].to_numpy(float) * (1.0 - coarse))
        bulk = np.log(layers["bulk_density"].to_numpy(float))
    carbon[~np.isfinite(carbon)] = np.nan
    bulk[~np.isfinite(bulk)] = np.nan
    known = np.flatnonzero(~(np.isnan(carbon) & np.isnan(bulk)))
    return DensityRows(known, carbon[known], bulk[known])


def bnpp_records(npp: pd.DataFrame, sites: Sites) -> Records:
    """Ln BNPP of every record, ln (Mg C ha-1 yr-1)."""
    return _records(npp, sites, np.log(npp["bnpp"].to_numpy(float)))


def f_bnpp_records(npp: pd.DataFrame, sites: Sites) -> Records:
    """Logit (BNPP/NPP) of the records that give both and a share strictly between 0 and 1."""
    share = npp["bnpp"].to_numpy(float) / npp["npp"].to_numpy(float)
    share[~((share > 0.0) & (share < 1.0))] = np.nan
    return _records(npp, sites, np.log(share / (1.0 - share)))


def d50_records(roots: pd.DataFrame, sites: Sites) -> Records:
    """Ln D50 of every root profile, ln cm."""
    return _records(roots, sites, np.log(roots["d50_cm"].to_numpy(float)))


def ratio_records(roots: pd.DataFrame, sites: Sites) -> Records:
    """Ln ln(D95/D50) of every root profile."""
    ratio = roots["d95_cm"].to_numpy(float) / roots["d50_cm"].to_numpy(float)
    return _records(roots, sites, np.log(np.log(ratio)))


def _records(frame: pd.DataFrame, sites: Sites, y: Floats) -> Records:
    known = np.flatnonzero(np.isfinite(y))
    return Records(known, site_of(frame.iloc[known], sites), y[known])
