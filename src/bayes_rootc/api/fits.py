"""Fits: what a model says, fitting it, the stored run, other settings, held-out places."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayes_rootc.data.inputs import Inputs, as_inputs
from bayes_rootc.data.source import Source, find_source, model_for
from bayes_rootc.data.table_data import TableData
from bayes_rootc.errors import DataError
from bayes_rootc.spec.load import Spec, load_spec, load_turnover, with_sampler
from bayes_rootc.spec.locate import find_model
from bayes_rootc.spec.turnover import SamplerSection, TurnoverSpec

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bayes_rootc.inference.crossval import CrossValidation
    from bayes_rootc.inference.fit import Fit

Data = Inputs | TableData | Path | str | None


def explain(spec: Spec | Path | str) -> str:
    """Say what a model file says: every prior with its reason and 90 % interval, as text.

    Parameters
    ----------
    spec : Spec, path or str
        A model file, or the name of one that comes with the package.

    Raises
    ------
    SpecError
        If the file cannot be read or is wrong.

    Examples
    --------
    >>> "turnover at 20 cm, typical biome" in explain("turnover")
    True
    """
    from bayes_rootc.spec.explain import explain_spec
    from bayes_rootc.spec.explain_flows import explain_flows

    where = str(spec) if isinstance(spec, Path | str) else "specification"
    known = _spec(spec)
    if isinstance(known, TurnoverSpec):
        return explain_spec(known, where)
    return explain_flows(known, where)


def fit(
    spec: Spec | Path | str | None = None,
    data: Data = None,
    *,
    folder: Path | str | None = None,
    overwrite: bool = False,
    sampler: Mapping[str, Any] | None = None,
    cores: int | None = None,
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
    sampler : mapping, optional
        Settings that replace those of the model's section ``[sampler]``, such as
        ``{"draws": 200, "tune": 300}``.
    cores : int, optional
        Chains at a time; all processors by default.
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
    spec = _spec(model_for(data) if spec is None else spec)
    if sampler:
        spec = with_sampler(spec, sampler, where="sampler")
    found = source_of(spec, data, **source)
    say(found.text)
    target = Path(folder) if folder is not None else Path("runs") / spec.model
    return fit_model(spec, found.inputs, target, overwrite=overwrite, cores=cores, say=say)


def load_run(folder: Path | str, **checks: Any) -> xr.DataTree:
    """Load a stored run; see :func:`bayes_rootc.inference.store.load_run` for the checks."""
    from bayes_rootc.inference.store import load_run as _load_run

    return _load_run(folder, **checks)[0]


def sensitivity(
    run: Path | str, *, cores: int | None = None, say: Callable[[str], None] = print
) -> pd.DataFrame:
    """Fit the data of a stored joint run again under other settings of the atmosphere.

    Sensitivity to priors and likelihood (power scaling) needs no new fit: it is the table
    ``sensitivity`` of :func:`bayes_rootc.results`.

    Returns
    -------
    DataFrame
        As of :func:`bayes_rootc.inference.sensitivity.compare_settings`, which says more; kept in
        the folder of the run.
    """
    from bayes_rootc.inference.sensitivity import compare_settings

    return compare_settings(Path(run), cores=cores, say=say)


def crossval(
    spec: TurnoverSpec | Path | str = "turnover",
    data: Data = None,
    *,
    folds: int = 5,
    seed: int | None = None,
    say: Callable[[str], None] = print,
    **source: Any,
) -> CrossValidation:
    """Predict held-out places from the others, by the turnover model and two baselines.

    Parameters
    ----------
    spec : TurnoverSpec, path or str
    data, source
        As of :func:`fit`.
    folds : int
        2 or more.
    seed : int, optional
        Of folds and draws; the model's by default.
    say : callable
        Receives a line about each step.

    Returns
    -------
    CrossValidation
        ``.scores`` and ``.heldout`` are DataFrames.
    """
    from bayes_rootc.inference.crossval import cross_validate

    known = load_turnover(find_model(spec)) if isinstance(spec, Path | str) else spec
    found = source_of(known, data, **source)
    return cross_validate(
        known,
        found.inputs.tables["layers"],
        found.inputs.folder,
        n_folds=folds,
        seed=known.sampler.seed if seed is None else seed,
        say=say,
    )


def _spec(spec: Spec | Path | str) -> Spec:
    return load_spec(find_model(spec)) if isinstance(spec, Path | str) else spec


def source_of(spec: Spec, data: Data, **source: Any) -> Source:
    """Read the data a model needs, where they are not read already.

    Raises
    ------
    TypeError
        If ``source`` holds what is no argument of :func:`.source.find_source`.
    DataError
        If there is a ``source`` for data that are read already.
    """
    unknown = source.keys() - signature(find_source).parameters.keys()
    if unknown:
        of_sampler = {name: source[name] for name in source if name in SamplerSection.model_fields}
        hint = f"; of the sampler: sampler={of_sampler}" if of_sampler else ""
        raise TypeError(f"no such argument: {', '.join(sorted(unknown))}{hint}")
    if isinstance(data, Inputs | TableData) and source:
        raise DataError(f"{', '.join(source)}: not for data that are read already")
    if isinstance(data, Inputs | TableData):
        return Source(as_inputs(data), f"data: {data.origin}")
    return find_source(spec, Path(data) if isinstance(data, str) else data, **source)
