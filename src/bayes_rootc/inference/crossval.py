"""Cross-validation over places: how well is Δ14C predicted where nothing was measured.

Layers of one profile are alike, and so are profiles at one coordinate: held out is a whole place,
that is all profiles at one coordinate. Predictions follow the hierarchy downward for every
posterior draw of the other places: one η_p from the biome's distribution, shared by the layers of
a profile, then θ_i, then Δ14C with its error.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayes_rootc.data.table_data import TableData
from bayes_rootc.errors import SamplingInterrupted, SpecError
from bayes_rootc.inference.baselines import BASELINES
from bayes_rootc.inference.gate import population, summarise
from bayes_rootc.inference.heldout import (
    GROUPS,
    Mask,
    Names,
    complete_biomes,
    part_of,
    predict_profiles,
    profile_folds,
)
from bayes_rootc.inference.kinds import target_acceptance
from bayes_rootc.inference.predictive import flat_draws
from bayes_rootc.inference.sampling import Draws, compile_model, sample_with_retry
from bayes_rootc.inference.scores import (
    LEVELS,
    Predictive,
    clustered_error,
    from_draws,
    percent,
    score,
)
from bayes_rootc.models.assemble import Problem, assemble
from bayes_rootc.spec.load import spec_hash
from bayes_rootc.spec.turnover import SamplerSection, TurnoverSpec
from bayes_rootc.units import Floats
from bayes_rootc.version import __version__

Say = Callable[[str], None]

MODEL = "turnover"
"""Name of the model among the methods; the others are :data:`.baselines.BASELINES`."""

CHAINS, TUNE, DRAWS = 2, 500, 500
"""Sampler of a fold: means over 1,000 predictive draws need no more."""

DEFAULT_SEED = 20260101
SEED_LIMIT = 2**31
ALL_FOLDS = "all"


@dataclass(frozen=True)
class CrossValidation:
    """Outcome of a cross-validation.

    Attributes
    ----------
    scores : DataFrame
        One row a method and fold, and ``all``: layers, profiles, places, mean CRPS and absolute
        error of the median (‰), mean log score (per ‰; the model only), mean width of the 90 %
        interval (‰), coverage of each interval, and standard errors that count places, not layers.
    heldout : DataFrame
        One row a method and layer: its place, predictive median and intervals, ‰, CRPS, PIT, log
        score.
    info : dict
        What was validated: hashes, version, seed, source, state of the sampler by fold.
    """

    scores: pd.DataFrame
    heldout: pd.DataFrame
    info: dict[str, Any]


def cross_validate(
    spec: TurnoverSpec,
    layers: TableData,
    folder: Path | None = None,
    *,
    n_folds: int = 5,
    seed: int = DEFAULT_SEED,
    held_out: str = "place",
    baselines: bool = True,
    say: Say = lambda _: None,
) -> CrossValidation:
    """Predict every place from the others, by the turnover model and two baselines.

    Held out are whole groups of profiles, stratified by biome.

    Covariates are standardised and the likelihood is tabulated once, on all layers.

    Parameters
    ----------
    spec : TurnoverSpec
        Its sampler settings give way to 2 chains of 500 + 500 draws.
    layers : TableData
    folder : Path, optional
        Data folder with the monthly atmosphere; the packaged tables otherwise.
    n_folds : int
        2 to the number of places.
    seed : int
        Of the folds, the sampler, the predictions and the forest; 0 to 2^31 less the folds.
    held_out : str
        ``place`` (all profiles at one coordinate, to 0.01 degree), ``profile`` or ``study`` (all
        profiles of one data set); see :data:`.heldout.GROUPS`.
    baselines : bool
        Score the baselines too.
    say : callable
        Receives one line about each step.

    Raises
    ------
    DataError
        If there are not enough places.
    SpecError
        If the seed is out of range.
    SamplingInterrupted
        On Ctrl-C; nothing is kept.
    """
    if not 0 <= seed < SEED_LIMIT - n_folds:
        raise SpecError(f"seed = {seed}: must be 0 to {SEED_LIMIT - n_folds - 1}")
    start = time.monotonic()
    problem = assemble(spec, layers, folder)
    group = GROUPS[held_out](problem)
    n_groups = len(np.unique(group))
    fold_of = profile_folds(problem.design.biome, group, n_folds, seed, what=held_out)
    say(
        f"{len(problem.layers)} layers of {len(fold_of)} profiles ({held_out}: {n_groups}) in "
        f"{n_folds} folds; every fold is compiled (up to a minute the first time) and sampled"
    )
    frames, states = [], []
    for fold in range(n_folds):
        held = fold_of == fold
        name = f"fold {fold + 1} of {n_folds}"
        fitted = _fit(spec, problem, ~held, seed=seed + fold, name=name, say=say)
        states.append({"fold": fold + 1, **_state(fitted, problem, held)})
        predicted = _predict(spec, problem, held, fitted, seed=[seed, fold], baselines=baselines)
        for method, predictive, log_score in predicted:
            scored = score(predictive, problem.layers["delta14c"][held[problem.design.profile]])
            scored = scored.assign(log_score=log_score)
            labels = {"method": method, "fold": fold + 1}
            frames.append(_labelled(problem, held, scored, group, **labels))
    heldout = pd.concat(frames, ignore_index=True).sort_values(["method", "row"], kind="stable")
    heldout = heldout.reset_index(drop=True).assign(source=layers.source)
    info = {
        **_identity(spec, layers),
        "n_folds": n_folds,
        "held_out": held_out,
        "seed": seed,
        "sampler": {"chains": CHAINS, "tune": TUNE, "draws": DRAWS},
        "methods": {MODEL: "turnover model"} | {key: b.text for key, b in BASELINES.items()},
        "folds": states,
        "seconds": time.monotonic() - start,
    }
    return CrossValidation(summarise_scores(heldout), heldout, info)


def _identity(spec: TurnoverSpec, layers: TableData) -> dict[str, str]:
    """Name what was validated."""
    return {
        "spec_hash": spec_hash(spec),
        "data_hash": layers.data_hash,
        "version": __version__,
        "source": layers.source,
        "origin": layers.origin,
    }


def summarise_scores(heldout: pd.DataFrame) -> pd.DataFrame:
    """Average the scores of held-out layers by method and fold, and over all folds."""
    rows = []
    for method in heldout["method"].unique():
        of_method = heldout[heldout["method"] == method]
        folds = [(str(fold), part) for fold, part in of_method.groupby("fold")]
        rows += [_averages(method, name, part) for name, part in [*folds, (ALL_FOLDS, of_method)]]
    return pd.DataFrame(rows).assign(source=heldout["source"].iloc[0])


def _averages(method: str, fold: str, part: pd.DataFrame) -> dict[str, Any]:
    place = part["place"]
    return {
        "method": method,
        "fold": fold,
        "n_layers": len(part),
        "n_profiles": part["profile"].nunique(),
        "n_places": place.nunique(),
        "crps": part["crps"].mean(),
        "crps_se": clustered_error(part["crps"], place),
        "mae": (part["median"] - part["delta14c"]).abs().mean(),
        "log_score": part["log_score"].mean(),
        "width_90": (part["upper_90"] - part["lower_90"]).mean(),
        **{f"coverage_{p}": part[f"covered_{p}"].mean() for p in map(percent, LEVELS)},
        "coverage_90_se": clustered_error(part["covered_90"], place),
    }


def _fit(
    spec: TurnoverSpec, problem: Problem, training: Mask, *, seed: int, name: str, say: Say
) -> Draws:
    from bayes_rootc.models.turnover import build_model

    design, likelihood = part_of(problem, training)
    clock = time.monotonic()
    compiled = compile_model(build_model(spec, design, likelihood))
    compiled_in = time.monotonic() - clock
    sampler = SamplerSection(chains=CHAINS, tune=TUNE, draws=DRAWS, seed=seed)
    accept = target_acceptance(spec.sampler, design)
    try:
        draws = sample_with_retry(
            compiled, sampler, target_accept=accept, divergences_max=spec.gate.divergences_max,
            say=lambda text: say(f"{name}: {text}"),
        )  # fmt: skip
    except SamplingInterrupted:
        raise SamplingInterrupted(f"stopped in {name}; nothing was written") from None
    say(
        f"{name}: {len(design.profile)} layers of {len(design.profiles)} profiles fitted "
        f"(compiled in {compiled_in:.0f} s, sampled in {draws.seconds:.0f} s)"
    )
    biomes = {"biome": list(design.biomes), "covariate": list(design.covariate_names)}
    present = {name: labels for name, labels in biomes.items() if name in draws.posterior.dims}
    return replace(draws, posterior=draws.posterior.assign_coords(present))


def _state(fitted: Draws, problem: Problem, held: Mask) -> dict[str, Any]:
    summary = summarise(population(fitted.posterior))
    known = [str(biome) for biome in fitted.posterior["biome"].to_numpy()]
    return {
        "profiles": [problem.design.profiles[index] for index in np.flatnonzero(held)],
        "biomes_without_training": [b for b in problem.design.biomes if b not in known],
        "r_hat_max": float(summary["r_hat"].max()),
        "ess_bulk_min": float(summary["ess_bulk"].min()),
        "divergences": int(fitted.sample_stats["diverging"].sum()),
        "sampling_seconds": fitted.seconds,
    }


def _predict(
    spec: TurnoverSpec,
    problem: Problem,
    held: Mask,
    fitted: Draws,
    *,
    seed: list[int],
    baselines: bool,
) -> Iterator[tuple[str, Predictive, Floats]]:
    rows = held[problem.design.profile]
    rng = np.random.default_rng(seed)
    draws = flat_draws(fitted.posterior)
    known = tuple(str(biome) for biome in fitted.posterior["biome"].to_numpy())
    draws = complete_biomes(draws, known, problem.design.biomes, rng)
    delta14c, log_score = predict_profiles(spec, problem, rows, draws, rng)
    yield MODEL, from_draws(delta14c), log_score
    for name, baseline in BASELINES.items() if baselines else ():
        yield name, baseline.predict(problem, ~rows, seed[0]), np.full(int(rows.sum()), np.nan)


def _labelled(
    problem: Problem, held: Mask, scored: pd.DataFrame, group: Names, **labels: Any
) -> pd.DataFrame:
    kept = ["row", "profile", "biome", "top_cm", "bottom_cm", "sample_year", "delta14c"]
    of_layer = problem.design.profile
    rows = held[of_layer]
    layers = problem.layers.loc[rows, kept].reset_index(drop=True)
    layers.insert(1, "place", group[of_layer[rows]])
    named = pd.DataFrame(labels, index=layers.index)
    return pd.concat([named, layers, scored], axis="columns")
