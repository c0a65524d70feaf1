"""Sampling with nutpie; what has been drawn is on disk every half minute."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from bayes_rootc.errors import RunError, SamplingError, SamplingInterrupted, WriteError
from bayes_rootc.inference.progress import Progress
from bayes_rootc.inference.store import read_tree, write_tree
from bayes_rootc.spec.turnover import SamplerSection
from bayes_rootc.variables import CHAIN, DRAW

INTERNAL = ("__", "_multiple", "_reduced")
"""Endings of variables that exist for the sampler's sake only."""

ASKED = "draws_asked"
"""Attribute of a checkpoint: how many draws a chain was to make."""

POLL_SECONDS = 0.2
CHECKPOINT_SECONDS = (2.0, 30.0)
"""Shortest and longest time between checkpoints; in between, a fifth of the time sampled."""

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
    attempts : int
        2 where the first draws diverged and were thrown away.
    """

    posterior: xr.Dataset
    sample_stats: xr.Dataset
    complete: bool
    seconds: float
    attempts: int = 1


def compile_model(model: Any) -> Any:
    """Compile a PyMC model for nutpie (numba); what can be cached is cached on disk by PyTensor.

    Without ``fastmath``: it lets the compiler reorder sums, differently for new code than for code
    from the cache, and then a seed gives other numbers the second time.
    """
    import nutpie
    from pytensor.configdefaults import config

    with warnings.catch_warnings(), config.change_flags(numba__fastmath=False):
        warnings.simplefilter("ignore")
        return nutpie.compile_pymc_model(model)


def sample(
    compiled: Any,
    sampler: SamplerSection,
    *,
    target_accept: float,
    checkpoint: Path | None = None,
    cores: int | None = None,
    progress: Progress | None = None,
) -> Draws:
    """Run NUTS.

    Parameters
    ----------
    compiled : nutpie model
        From :func:`compile_model`.
    sampler : SamplerSection
        Chains, draws, seed.
    target_accept : float
        Acceptance that the step size is tuned to.
    checkpoint : Path, optional
        File that receives the draws made so far, twice a minute and at the end; what is there
        stays if the process dies. :func:`read_draws` reads it.
    cores : int, optional
        Chains at a time; as many as there are processors by default.
    progress : Progress, optional
        Printed while sampling.

    Raises
    ------
    SamplingInterrupted
        On Ctrl-C; the draws made so far are in ``checkpoint``.
    SamplingError
        If the sampler cannot start, or fails.
    WriteError
        If the checkpoint cannot be written.
    """
    import nutpie

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
            blocking=False,
        )
    except (RuntimeError, ValueError) as error:
        raise SamplingError(f"the sampler could not start: {error}") from error
    try:
        _wait(running, sampler, checkpoint, start)
        trace = running.wait()
    except KeyboardInterrupt:
        stopped = _made(running.abort())
        _keep(stopped, sampler, checkpoint)
        count = 0 if stopped is None else int(_finished(stopped).sum())
        raise SamplingInterrupted(_stopped_text(count, sampler, checkpoint)) from None
    except WriteError:  # no room for the draws, so none for the results
        running.abort()
        raise
    except RuntimeError as error:
        raise SamplingError(f"the sampler failed: {error}") from error
    finally:
        if progress:
            progress.close()
    tree = _made(trace)
    if tree is None:
        raise SamplingError("the sampler made no draws")
    _keep(tree, sampler, checkpoint)
    return _draws(tree, sampler.draws, "the sampler", time.monotonic() - start)


def shorter_steps(target_accept: float) -> float:
    """Acceptance to tune to where the sampler diverged: a quarter of the rejections."""
    return 1.0 - (1.0 - target_accept) / 4.0


def sample_with_retry(
    compiled: Any,
    sampler: SamplerSection,
    *,
    target_accept: float,
    divergences_max: int,
    say: Callable[[str], None],
    checkpoint: Path | None = None,
    **options: Any,
) -> Draws:
    """Run NUTS; where it diverges too often, once more with shorter steps.

    Rare divergences depend on the seed and the processor. The second draws are kept whatever they
    are, and the time of both counts; the first leave the checkpoint before the second begin.

    Parameters
    ----------
    compiled, sampler, target_accept, checkpoint, **options
        As of :func:`sample`.
    divergences_max : int
        Of all chains together; more are too many.
    say : callable
        Receives a line if there is a second attempt.
    """
    options |= {"checkpoint": checkpoint}
    first = sample(compiled, sampler, target_accept=target_accept, **options)
    divergences = int(first.sample_stats["diverging"].sum())
    if divergences <= divergences_max:
        return first
    shorter = shorter_steps(target_accept)
    say(
        f"the sampler diverged ({divergences} of {first.sample_stats['diverging'].size} draws, "
        f"in {first.seconds:.0f} s); once more, with shorter steps (target_accept = {shorter:.4g})"
    )
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    second = sample(compiled, sampler, target_accept=shorter, **options)
    return replace(second, seconds=first.seconds + second.seconds, attempts=2)


def read_draws(checkpoint: Path) -> Draws:
    """Read the draws of a finished or killed run.

    Chains that have less than a quarter of the draws of the longest are left out, the others cut
    to the shortest.

    Raises
    ------
    SamplingError
        If no chain has at least 20 draws after tuning, or the draws are damaged.
    """
    if not checkpoint.is_file():
        raise SamplingError(
            f"{checkpoint}: the sampler was stopped before it had any draws after tuning; fit again"
        )
    try:
        tree = read_tree(checkpoint)
        return _draws(tree, int(tree.attrs[ASKED]), str(checkpoint), float("nan"))
    except (RunError, KeyError) as error:
        raise SamplingError(f"{checkpoint}: no readable draws: {error}") from error


def _wait(running: Any, sampler: SamplerSection, checkpoint: Path | None, start: float) -> None:
    """Wait in slices, which lets Ctrl-C through at once, and keep what has been drawn."""
    kept = start
    while not _is_finished(running):
        time.sleep(POLL_SECONDS)
        now = time.monotonic()
        wanted = np.clip(0.2 * (now - start), *CHECKPOINT_SECONDS)
        if checkpoint is not None and now - kept >= wanted:
            with warnings.catch_warnings():  # ArviZ wonders at fewer draws than chains
                warnings.simplefilter("ignore")
                so_far = running.inspect()
            _keep(_made(so_far), sampler, checkpoint)
            kept = time.monotonic()


def _is_finished(running: Any) -> bool:
    try:
        return bool(running.is_finished)
    except TimeoutError:  # nutpie's way of saying "busy"
        return False


def _made(trace: xr.DataTree) -> xr.DataTree | None:
    """Posterior and statistics under our names, draws not made yet as NaN; None without any."""
    if not trace["posterior"].sizes.get(DRAW):
        return None
    posterior = trace["posterior"].to_dataset()
    posterior = posterior[[v for v in posterior.data_vars if not str(v).endswith(INTERNAL)]]
    posterior = posterior.drop_vars(
        [name for name in posterior.coords if name not in posterior.dims]
    )
    statistics = trace["sample_stats"].to_dataset()[list(STATISTICS)].rename(STATISTICS)
    return xr.DataTree.from_dict({"posterior": posterior, "sample_stats": statistics})


def _keep(tree: xr.DataTree | None, sampler: SamplerSection, checkpoint: Path | None) -> None:
    if tree is not None and checkpoint is not None:
        tree.attrs[ASKED] = sampler.draws
        write_tree(tree, checkpoint)


def _draws(tree: xr.DataTree, asked: int, origin: str, seconds: float) -> Draws:
    """Usable chains of one length."""
    made = _finished(tree)
    if made.max(initial=0) < LEAST_DRAWS:
        raise SamplingError(
            f"{origin}: stopped before any chain had {LEAST_DRAWS} draws after tuning; fit again"
        )
    usable = np.flatnonzero(made >= max(LEAST_DRAWS, int(made.max()) // 4))
    length = int(made[usable].min())
    index = {CHAIN: np.arange(len(usable)), DRAW: np.arange(length)}
    posterior, statistics = (
        tree[name].to_dataset().isel({CHAIN: usable, DRAW: slice(0, length)}).assign_coords(index)
        for name in ("posterior", "sample_stats")
    )
    return Draws(posterior, statistics, bool((made == asked).all()), seconds)


def _finished(tree: xr.DataTree) -> np.ndarray:
    """Draws of each chain; those that a chain has not made are NaN."""
    made = np.isfinite(tree["sample_stats"]["energy"].transpose(CHAIN, DRAW).to_numpy())
    return np.asarray(np.cumprod(made, axis=1).sum(axis=1))


def _stopped_text(count: int, sampler: SamplerSection, checkpoint: Path | None) -> str:
    text = f"stopped after {count} of {sampler.chains * sampler.draws} draws"
    if checkpoint is None or not count:
        return text
    return (
        f"{text}, kept in {checkpoint}; `python -m bayes_rootc report {checkpoint.parent}` reads "
        "them as a partial run"
    )
