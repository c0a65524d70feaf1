"""Everything that enters a fit: tables of layers, production and roots, and their places."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bayes_rootc.data.grid import sample_grid
from bayes_rootc.data.load import read_layers, require_layers
from bayes_rootc.data.locate import GRID, DataLocation
from bayes_rootc.data.npp import read_npp
from bayes_rootc.data.roots import read_roots
from bayes_rootc.data.site_table import place_id
from bayes_rootc.data.table_data import TableData, table_hash
from bayes_rootc.errors import DataError
from bayes_rootc.files import sha256_of_text
from bayes_rootc.spec.joint import FlowModel

TABLE_OF = {
    "turnover": "layers", "stock": "layers", "bnpp": "npp", "f_bnpp": "npp", "roots": "roots",
}  # fmt: skip
"""Block → the table that it is fitted to."""

FILES = {"npp": "tables/npp_sites.csv", "roots": "tables/root_profiles.csv"}
"""Table → its place in a data folder."""


@dataclass(frozen=True)
class Inputs:
    """What enters a fit.

    Attributes
    ----------
    tables : mapping
        Among ``layers``, ``npp``, ``roots``.
    places : DataFrame
        One row a place of any table, sorted by its name: place, lat, lon, distance_km (to the
        furthest grid cell used) and the raw grid variables; empty where the model needs none.
    folder : Path or None
        Data folder, which may hold the monthly atmosphere.
    source, origin : str
        As of :class:`TableData`.
    data_hash : str
    notes : tuple of str
    truth : dict or None
        Parameters of a simulated world.
    """

    tables: Mapping[str, TableData]
    places: pd.DataFrame
    folder: Path | None
    source: str
    origin: str
    data_hash: str
    notes: tuple[str, ...] = ()
    truth: dict[str, Any] | None = None


def no_places() -> pd.DataFrame:
    """Return an empty table of places."""
    return pd.DataFrame({"place": pd.Series(dtype=str), "lat": [], "lon": []})


def data_hash_of(tables: Mapping[str, TableData], places: pd.DataFrame) -> str:
    """Hash of everything; that of the table itself where there is one and no places."""
    hashes = {name: table.data_hash for name, table in tables.items()}
    if len(hashes) == 1 and places.empty:
        return next(iter(hashes.values()))
    return sha256_of_text(json.dumps(hashes | {"places": table_hash(places)}, sort_keys=True))


def as_inputs(data: Inputs | TableData, folder: Path | None = None) -> Inputs:
    """Inputs of a model that needs layers only."""
    if isinstance(data, Inputs):
        return data
    return Inputs(
        tables={"layers": data},
        places=no_places(),
        folder=folder,
        source=data.source,
        origin=data.origin,
        data_hash=data.data_hash,
        notes=data.notes,
        truth=data.truth,
    )


def join_tables(
    tables: Mapping[str, TableData], places: pd.DataFrame, folder: Path | None, **rest: Any
) -> Inputs:
    """Put tables and places together; notes name their table."""
    first = next(iter(tables.values()))
    notes = [f"{name}: {note}" for name, table in tables.items() for note in table.notes]
    return Inputs(
        tables=tables,
        places=places,
        folder=folder,
        source=first.source,
        data_hash=data_hash_of(tables, places),
        notes=(*notes, *rest.pop("notes", ())),
        **rest,
    )


def places_of(tables: Mapping[str, TableData]) -> pd.DataFrame:
    """Every place that a table names: place, lat, lon (those of its name), sorted by name."""
    found = pd.concat([table.table[["lat", "lon"]] for table in tables.values()])
    names = [place_id(lat, lon) for lat, lon in zip(found["lat"], found["lon"], strict=True)]
    unique = sorted(set(names))
    lat, lon = zip(*(map(float, name.split()) for name in unique), strict=True)
    return pd.DataFrame({"place": unique, "lat": lat, "lon": lon})


def has_all(folder: Path | None) -> bool:
    """Whether a data folder holds what the joint model needs beside layers."""
    return folder is not None and all((folder / name).is_file() for name in (*FILES.values(), GRID))


def load_inputs(location: DataLocation, spec: FlowModel) -> Inputs:
    """Read the tables that the blocks of a model need, and sample the grid at their places.

    Parameters
    ----------
    location : DataLocation
        Must be, or lie in, a data folder.
    spec : FlowModel

    Raises
    ------
    DataError
        If the folder lacks a table or the grid, or a table holds impossible values.
    """
    if location.folder is None:
        raise DataError(
            f"{location.layers}: is a lone table; the model {spec.model} needs a data folder with "
            "site tables and the covariate grid. `fit turnover` fits turnover to the table alone"
        )
    needed = dict.fromkeys(TABLE_OF[block.model] for block in spec.blocks)
    tables = {name: _read(name, location, location.folder, spec) for name in needed}
    places = places_of(tables)
    section = spec.covariates
    wanted = (*(name for names in section.groups.values() for name in names), section.npp)
    sampled = sample_grid(location.folder, places, wanted, section.max_distance_km)
    without = int(sampled[section.npp].isna().sum())
    notes: tuple[str, ...] = ()
    if without:
        notes = (
            f"{without} of {len(places)} places have no gridded NPP within "
            f"{section.max_distance_km:g} km: they are left out where it is used",
        )
    return join_tables(
        tables,
        pd.concat([places, sampled], axis=1),
        location.folder,
        origin=str(location.folder),
        notes=notes,
    )


def _read(name: str, location: DataLocation, folder: Path, spec: FlowModel) -> TableData:
    if name == "layers":
        return require_layers(read_layers(location, spec.data.layers))
    path = folder / FILES[name]
    if not path.is_file():
        raise DataError(f"{path}: no such file; the model {spec.model} needs it")
    if name == "npp":
        return read_npp(path, spec.data.npp, location.source)
    return read_roots(path, spec.data.roots, location.source)
