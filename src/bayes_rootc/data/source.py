"""What is fitted where nobody says so: real data where they are found, else a simulated world."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bayes_rootc.data.inputs import Inputs, as_inputs, has_all, load_inputs
from bayes_rootc.data.joint_world import simulate_inputs
from bayes_rootc.data.load import read_layers, require_layers
from bayes_rootc.data.locate import DataLocation, locate_data
from bayes_rootc.data.prior_means import add_prior_means
from bayes_rootc.data.table_data import TableData
from bayes_rootc.data.world import simulate_world
from bayes_rootc.errors import DataError
from bayes_rootc.spec.load import Spec
from bayes_rootc.spec.turnover import TurnoverSpec

DEFAULT_WORLD = 600
"""Layers of the simulated world that is fitted where there are no real data."""

TABLE_NAMES = {"layers": "layers", "npp": "records of BNPP", "roots": "root profiles"}


@dataclass(frozen=True)
class Source:
    """What enters a fit, and one line for people about where it comes from."""

    inputs: Inputs
    text: str


def default_model(data: Path | None = None) -> str:
    """Name of the model to fit where none is named.

    ``joint``; or ``turnover``, where the data are a lone table, or a folder (such as the fetched
    one) without the site tables and the grid that the joint model needs.
    """
    location = locate_data(data)
    if location is None:
        return "joint"
    lone = location.folder is None or location.source == "file"
    return "turnover" if lone or not has_all(location.folder) else "joint"


def find_source(
    spec: Spec,
    data: Path | None = None,
    *,
    format: str | None = None,
    simulated: int | None = None,
    world_seed: int = 1,
) -> Source:
    """Find the data to fit: those asked for, else real data, else a simulated world.

    Parameters
    ----------
    spec : Spec
    data, format
        Data folder or table, and the name of a reader; as in :func:`.load.load_layers`.
    simulated : int, optional
        Simulate about this many layers (and the other tables in proportion) instead of looking
        for data.
    world_seed : int
        Seed of the simulated world.
    """
    if simulated is not None and (data is not None or format is not None):
        raise DataError("data or format and simulated exclude each other; give one of them")
    location = None if simulated is not None else locate_data(data)
    if location is None:
        size = DEFAULT_WORLD if simulated is None else simulated
        why = "no real data found" if simulated is None else "asked for"
        inputs = _simulated(spec, size, world_seed)
        text = f"data: SIMULATED world of known truth ({why}), {_sizes(inputs)}, seed {world_seed}"
        return Source(inputs, text)
    inputs = _located(spec, location, format)
    kind = "real" if location.source == "real" else "your file"
    found = f"data: {kind}, {inputs.origin} (found by {location.found_by})"
    return Source(inputs, f"{found}, {_sizes(inputs)} kept")


def _simulated(spec: Spec, n_layers: int, seed: int) -> Inputs:
    if isinstance(spec, TurnoverSpec):
        return as_inputs(simulate_world(spec, n_layers, seed))
    return add_prior_means(simulate_inputs(spec, n_layers, seed), spec.prior_means)


def _located(spec: Spec, location: DataLocation, format: str | None) -> Inputs:
    if isinstance(spec, TurnoverSpec):
        layers = require_layers(read_layers(location, spec.data, format))
        return as_inputs(layers, location.folder)
    if format is not None:
        raise DataError(f"format {format} is for a table of layers; fit the model turnover to it")
    return add_prior_means(load_inputs(location, spec), spec.prior_means)


def _sizes(inputs: Inputs) -> str:
    parts = []
    for name, table in inputs.tables.items():
        kept, read = len(table.table), table.n_read
        count = f"{kept}" if kept == read else f"{kept} of {read}"
        parts.append(f"{count} {TABLE_NAMES[name]}")
    return ", ".join(parts)


def model_for(data: Inputs | TableData | Path | None) -> str:
    """Name of the model to fit to data that are read already, or to what a path holds."""
    if isinstance(data, Inputs):
        return "joint"
    return "turnover" if isinstance(data, TableData) else default_model(data)
