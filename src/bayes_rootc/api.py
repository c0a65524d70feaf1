"""The public Python door: everything the commands do, as functions on pandas and xarray."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_rootc.data.check import CheckReport
from bayes_rootc.data.check import check_layers as _check_layers
from bayes_rootc.data.inputs import Inputs, as_inputs
from bayes_rootc.data.source import DEFAULT_WORLD, Source, find_source, model_for
from bayes_rootc.data.table_data import TableData
from bayes_rootc.data.world import simulate_world as _simulate_world
from bayes_rootc.errors import AtmosphereError, DataError
from bayes_rootc.radiocarbon.atmosphere import load_atmosphere, zone_of_latitude
from bayes_rootc.radiocarbon.one_pool import pool_delta14c
from bayes_rootc.radiocarbon.sample import SampleTurnover, sample_turnover
from bayes_rootc.radiocarbon.table import Input
from bayes_rootc.spec.learning import LearningSpec
from bayes_rootc.spec.load import Spec, load_learning, load_map, load_spec, load_turnover
from bayes_rootc.spec.locate import find_model
from bayes_rootc.spec.map import MapSpec
from bayes_rootc.spec.turnover import DataSection
from bayes_rootc.units import k_from_turnover

if TYPE_CHECKING:
    import xarray as xr

    from bayes_rootc.inference.fit import Fit
    from bayes_rootc.inference.learned_folder import Learned


def read_layers(
    data: Path | str | None = None, *, format: str | None = None, **select: Any
) -> TableData:
    """Read, check and select layers.

    Parameters
    ----------
    data : path, optional
        A data folder or a table (CSV, the file of He et al. 2016, ISRaD); without it the
        environment variable ``BAYES_ROOTC_DATA`` or the fetched data.
    format : str, optional
        Name of a reader; recognised from the columns by default.
    **select
        Fields of the section ``[data]`` of a model file, such as ``keep_peat=True``.

    Returns
    -------
    TableData
        ``.table`` is a DataFrame with one row a layer; ``.drops`` says what was left out and why.

    Raises
    ------
    DataError
        If there are no data, or they hold impossible values.
    """
    from bayes_rootc.data.load import load_layers

    return load_layers(_path(data), DataSection(**select), format)


def check_layers(data: Path | str, *, format: str | None = None, **select: Any) -> CheckReport:
    """Report on a table without fitting it: kept, dropped by reason, impossible, implausible.

    Parameters as for :func:`read_layers`; ``print(report.text())`` shows it.
    """
    return _check_layers(Path(data), DataSection(**select), format)


def simulate_world(n_layers: int = DEFAULT_WORLD, seed: int = 1, **options: Any) -> TableData:
    """Simulate layers of known truth; see :func:`bayes_rootc.data.world.simulate_world`.

    Examples
    --------
    >>> len(simulate_world(50, seed=3).table)
    50
    """
    return _simulate_world(load_turnover(find_model("turnover")), n_layers, seed, **options)


def turnover(
    delta14c: float, year: float, lat: float | None = None, **options: Any
) -> SampleTurnover:
    """Turnover time of one sample: every solution with its mass.

    Parameters
    ----------
    delta14c : float
        Δ14C, ‰.
    year : float
        Calendar year of sampling.
    lat : float, optional
        Latitude, or name the ``zone``.
    **options
        ``zone``, ``sd`` (‰), ``level``; see :func:`bayes_rootc.radiocarbon.sample.sample_turnover`.

    Examples
    --------
    >>> [round(mode["turnover_years"]) for mode in turnover(100.0, 2000, 45.0).modes]
    [3, 90]
    """
    return sample_turnover(delta14c, year, lat, **options)


def forward_curve(
    turnover_years: float,
    zone: str | None = None,
    *,
    lat: float | None = None,
    start: float = 1950.0,
    stop: float = 2019.0,
    received: Input | None = None,
) -> pd.DataFrame:
    """Δ14C of one pool by month.

    Parameters
    ----------
    turnover_years : float
        Turnover time 1/k, years, above 0.
    zone : str, optional
        Atmospheric zone, such as ``NHZone2``; or give ``lat``.
    lat : float, optional
        Latitude, degrees north.
    start, stop : float
        Decimal calendar years; both ends are included where whole months reach them.
    received : Input, optional
        Atmosphere settings; a constant 0 ‰ before 1950.0 by default.

    Returns
    -------
    DataFrame
        ``year`` (decimal), ``delta14c`` (‰).

    Raises
    ------
    AtmosphereError
        If zone and latitude are both missing, or the years are out of order or beyond the record.

    Examples
    --------
    >>> curve = forward_curve(100.0, "NHZone2", start=1950, stop=2019)
    >>> print(len(curve), f"{curve['delta14c'].iloc[0]:.2f}")
    829 -11.95
    """
    if zone is None:
        if lat is None:
            raise AtmosphereError("give a latitude (lat) or an atmospheric zone")
        zone = str(zone_of_latitude(lat))
    if not start <= stop:
        raise AtmosphereError(f"start = {start:g} lies after stop = {stop:g}; it must not")
    received = received or Input()
    atmosphere = load_atmosphere(
        zone, received.folder, received.initial, received.prebomb_delta14c, received.lag
    )
    months = int(np.floor((stop - start) * 12.0 + 1e-6))
    years = start + np.arange(months + 1) / 12.0
    k = k_from_turnover(turnover_years)
    return pd.DataFrame({"year": years, "delta14c": pool_delta14c(k, atmosphere, years)[0]})


def fit(
    spec: Spec | Path | str | None = None,
    data: Inputs | TableData | Path | str | None = None,
    *,
    folder: Path | str | None = None,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
    **source: Any,
) -> Fit:
    """Fit a model and store the run.

    Parameters
    ----------
    spec : Spec, path or str, optional
        A model file, or the name of one that comes with the package; :func:`.source.model_for`
        chooses where none is named.
    data : Inputs, TableData, path, optional
        Tables, or where they are; real data where they are found, else a simulated world.
    folder : path, optional
        Folder of the run; ``runs/`` and the model's name by default.
    overwrite : bool
        Replace a run that is there.
    say : callable
        Receives a line about each step.
    **source
        ``format``, ``simulated``, ``world_seed``; see :func:`.source.find_source`.

    Returns
    -------
    Fit
        ``.run`` is an xarray DataTree, ``.diagnostics`` the outcome of the gate.
    """
    from bayes_rootc.inference.fit import fit_model

    if isinstance(data, str):
        data = Path(data)
    if isinstance(data, Inputs | TableData) and source:
        raise DataError(f"{', '.join(source)}: not for data that are read already")
    if spec is None:
        spec = model_for(data)
    if isinstance(spec, Path | str):
        spec = load_spec(find_model(spec))
    if isinstance(data, Inputs | TableData):
        found = Source(as_inputs(data), f"data: {data.origin}")
    else:
        found = find_source(spec, data, **source)
    say(found.text)
    target = Path(folder) if folder is not None else Path("runs") / spec.model
    return fit_model(spec, found.inputs, target, overwrite=overwrite, say=say)


def load_run(folder: Path | str, **checks: Any) -> xr.DataTree:
    """Load a stored run; see :func:`bayes_rootc.inference.store.load_run` for the checks."""
    from bayes_rootc.inference.store import load_run as _load_run

    return _load_run(folder, **checks)[0]


def losses(run: xr.DataTree) -> pd.DataFrame:
    """I_root, I_bulk and I_loss of a joint run by estimate, statistic, biome and layer.

    Columns as of :func:`bayes_rootc.loss.tables.loss_table`; Mg C ha⁻¹ yr⁻¹.
    """
    from bayes_rootc.report.losses import losses as _losses

    return _losses(run)


def learn(
    spec: LearningSpec | Path | str = "learning",
    *,
    run: Path | str = "runs/joint",
    folder: Path | str = "runs/learning",
    n_jobs: int = 2,
    say: Callable[[str], None] = print,
) -> Learned:
    """Learn inputs and turnover of a joint run; see :func:`bayes_rootc.inference.learn.learn`.

    ``.tables`` has scores, predictions, importance and more as DataFrames.
    """
    from bayes_rootc.inference.learn import learn as _learn

    if isinstance(spec, Path | str):
        spec = load_learning(find_model(spec))
    return _learn(spec, Path(run), Path(folder), n_jobs=n_jobs, say=say)


def maps(
    spec: MapSpec | Path | str = "map",
    *,
    run: Path | str = "runs/joint",
    learning: Path | str = "runs/learning",
    folder: Path | str = "maps/map",
    data: Path | str | None = None,
    **how: Any,
) -> dict[str, xr.Dataset]:
    """Make maps and open them, by engine; ``how`` as of :func:`bayes_rootc.mapping.run.make_maps`.

    Each Dataset has dimensions lat, lon, standard_layer, quantile, on dask arrays.
    """
    from bayes_rootc.mapping.block import store_path
    from bayes_rootc.mapping.prepare import Request
    from bayes_rootc.mapping.run import make_maps
    from bayes_rootc.mapping.store import open_store

    if isinstance(spec, Path | str):
        spec = load_map(find_model(spec))
    request = Request(Path(folder), Path(run), Path(learning), _path(data))
    made = make_maps(spec, request, **how)
    return {engine: open_store(store_path(made.folder, engine)) for engine in spec.engines}


def write_report(run: Path | str, folder: Path | str) -> Path:
    """Write the report of a stored run; returns the HTML file."""
    from bayes_rootc.inference.store import load_run as _load_run
    from bayes_rootc.report.sensitivity import with_sensitivity
    from bayes_rootc.report.write import write_report as _write_report

    tree, diagnostics = _load_run(run)
    return _write_report(with_sensitivity(tree, Path(run)), diagnostics, folder)


def _path(data: Path | str | None) -> Path | None:
    return None if data is None else Path(data)
