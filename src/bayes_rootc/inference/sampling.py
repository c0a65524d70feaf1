"""Sampling with nutpie; the draws go to disk as they come."""

from __future__ import annotations

import shutil
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from bayes_rootc.errors import SamplingError, SamplingInterrupted
from bayes_rootc.inference.progress import Progress
from bayes_rootc.layers import CHAIN, DRAW
from bayes_rootc.spec.turnover import SamplerSection

DRAWS_FOLDER = "draws.zarr"
INTERNAL = ("__", "_multiple")
"""Endings of variables that exist for the sampler's sake only."""

POLL_SECONDS = 0.2
LEAST_DRAWS = 20
"""Chains with fewer draws than this are left out of a partial run."""

STATISTICS = {
    "diverging": "diverging",
    "energy": "energy",
    "depth": "tree_depth",
    "n_steps": "n_steps",
    "step_size": "step_size",
    "mean_tree_accept": "acceptance_rate",
    "logp": "lp",
}
"""nutpie's name → the name under which a statistic is stored."""


@dataclass(frozen=True)
class Draws:
    """What the sampler left.

    Attributes
    ----------
    posterior, sample_stats : Dataset
        Dimensions chain, draw and those of the variables.
    complete : bool
        Whether every chain made all its draws.
    seconds : float
        Wall time of sampling, compilation not counted; NaN for draws that were read back.
    """

    posterior: xr.Dataset
    sample_stats: xr.Dataset
    complete: bool
    seconds: float


def compile_model(model: Any) -> Any:
    """Compile a PyMC model for nutpie (numba); what can be cached is cached on disk by PyTensor."""
    import nutpie

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nutpie.compile_pymc_model(model)


def sample(
    compiled: Any,
    sampler: SamplerSection,
    store: Path,
    *,
    target_accept: float,
    cores: int | None = None,
    progress: Progress | None = None,
) -> Draws:
    """Run NUTS and write the draws into a Zarr folder as they come.

    Parameters
    ----------
    compiled : nutpie model
        From :func:`compile_model`.
    sampler : SamplerSection
        Chains, draws, seed.
    store : Path
        Folder of the draws, made anew. It stays behind if the process dies.
    target_accept : float
        Acceptance that the step size is tuned to.
    cores : int, optional
        Chains at a time; as many as there are processors by default.
    progress : Progress, optional
        Printed while sampling.

    Raises
    ------
    SamplingInterrupted
        On Ctrl-C; the draws made so far are in ``store``.
    SamplingError
        If the sampler cannot start.
    """
    import nutpie

    shutil.rmtree(store, ignore_errors=True)
    store.mkdir(parents=True)
    start = time.monotonic()
    try:
        running = nutpie.sample(
            compiled,
            draws=sampler.draws,
            tune=sampler.tune,
            chains=sampler.chains,
            cores=cores,
            seed=sampler.seed,
            target_accept=target_accept,
            save_warmup=False,
            progress_bar=False,
            progress_callback=progress,
            zarr_store=nutpie.zarr_store.LocalStore(str(store)),
            blocking=False,
        )
    except (RuntimeError, ValueError) as error:
        raise SamplingError(f"the sampler could not start: {error}") from error
    try:
        # Waiting in slices lets Ctrl-C through at once.
        while not _is_finished(running):
            time.sleep(POLL_SECONDS)
        running.wait()
    except KeyboardInterrupt:
        running.abort()
        raise SamplingInterrupted(
            f"stopped after {_count(store)} of {sampler.chains * sampler.draws} draws, kept in "
            f"{store}; `python -m bayes_rootc report {store.parent}` reads them as a partial run"
        ) from None
    except RuntimeError as error:
        raise SamplingError(f"the sampler failed: {error}") from error
    finally:
        if progress:
            progress.close()
    draws = read_draws(store)
    return Draws(draws.posterior, draws.sample_stats, draws.complete, time.monotonic() - start)


def chains_made(store: Path) -> list[int]:
    """Count the draws on disk of every chain, tuning not counted."""
    posterior, statistics = _open(store)
    return [int(count) for count in _finished(posterior, statistics)]


def read_draws(store: Path) -> Draws:
    """Read the draws of a finished or killed run.

    Chains that have less than a quarter of the draws of the longest are left out, the others cut
    to the shortest.

    Raises
    ------
    SamplingError
        If no chain has at least 20 draws after tuning, or the draws are damaged.
    """
    posterior, statistics = _open(store)
    made = _finished(posterior, statistics)
    usable = np.flatnonzero(made >= min(max(LEAST_DRAWS, int(made.max()) // 4), made.max() or 1))
    if made.max(initial=0) < LEAST_DRAWS:
        raise SamplingError(
            f"{store}: the sampler was stopped before any chain had {LEAST_DRAWS} draws after "
            "tuning; fit again"
        )
    length = int(made[usable].min())
    cut = {CHAIN: usable, DRAW: slice(0, length)}
    kept = posterior.isel(cut)
    kept = kept.drop_vars([name for name in kept.coords if name not in kept.dims])
    statistics = statistics.isel(cut)
    index = {CHAIN: np.arange(len(usable)), DRAW: np.arange(length)}
    return Draws(
        posterior=kept.assign_coords(index),
        sample_stats=statistics.rename(STATISTICS).assign_coords(index),
        complete=bool((made == _asked(store)).all()),
        seconds=float("nan"),
    )


def _is_finished(running: Any) -> bool:
    try:
        return bool(running.is_finished)
    except TimeoutError:  # nutpie's way of saying "busy"
        return False


def _open(store: Path) -> tuple[xr.Dataset, xr.Dataset]:
    """Load posterior and statistics; whatever is wrong with a killed store is one named error."""
    try:
        tree = xr.open_datatree(store, engine="zarr", consolidated=False)
        posterior = tree["posterior"].to_dataset()
        names = [name for name in posterior.data_vars if not str(name).endswith(INTERNAL)]
        statistics = tree["sample_stats"].to_dataset()[list(STATISTICS)]
        # One variable tells how far the draws reach; reading the empty rest would take minutes.
        reached = np.isfinite(statistics["energy"].to_numpy()).sum(axis=1).max(initial=0)
        made = {DRAW: slice(0, int(reached))}
        return posterior[names].isel(made).load(), statistics.isel(made).load()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise SamplingError(f"{store}: no readable draws: {error}") from error


def _asked(store: Path) -> int:
    tree = xr.open_datatree(store, engine="zarr", consolidated=False)
    return int(tree["posterior"].sizes[DRAW])


def _finished(posterior: xr.Dataset, statistics: xr.Dataset) -> np.ndarray:
    """Draws of each chain of which every variable is on disk; the others hold the fill value."""
    there = np.isfinite(statistics["energy"].to_numpy())
    for array in posterior.data_vars.values():
        values = array.transpose(CHAIN, DRAW, ...).to_numpy()
        there &= np.isfinite(values).all(axis=tuple(range(2, values.ndim)))
    return np.cumprod(there, axis=1).sum(axis=1)


def _count(store: Path) -> int | str:
    # Asked while an interrupt is under way: not knowing must not hide it.
    try:
        return sum(chains_made(store))
    except SamplingError:
        return "an unknown number"
