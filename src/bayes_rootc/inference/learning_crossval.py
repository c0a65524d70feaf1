"""Do prior means from learners help? The joint model with and without, and the ensemble alone.

Whole places are held out. In every fold the model is fitted to the other places, its posterior of
ln k is learned from them alone, and the predictions (out of fold by place for the places fitted)
enter a second fit as prior means. Held-out layers are scored on Δ14C.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import logsumexp

from bayes_rootc.data.inputs import Inputs
from bayes_rootc.data.prior_means import prior_column
from bayes_rootc.errors import SpecError
from bayes_rootc.inference.derive_layers import LayerDraws, kept_draws, per_layer, pick
from bayes_rootc.inference.flow_derive import label
from bayes_rootc.inference.flow_levels import layer_means_k, site_level
from bayes_rootc.inference.heldout import Mask, profile_folds
from bayes_rootc.inference.kinds import FLOW
from bayes_rootc.inference.learning_tables import (
    layer_features,
    learning_tables,
    reference_features,
)
from bayes_rootc.inference.predictive import (
    flat_draws,
    layer_log_likelihood,
    replicate_delta14c,
    shape_place,
)
from bayes_rootc.inference.sampling import Draws, compile_model, sample_with_retry
from bayes_rootc.inference.scores import Predictive, clustered_error, from_draws, score
from bayes_rootc.learning.cross import Elsewhere, FinalModel, cross_predict
from bayes_rootc.learning.folds import block_names
from bayes_rootc.learning.table import LearningTable
from bayes_rootc.models.flow_problem import FlowProblem, assemble_flow
from bayes_rootc.models.shape_knots import shape_draws
from bayes_rootc.spec.joint import JointSpec, PriorMeansSection
from bayes_rootc.spec.learning import LearningSpec
from bayes_rootc.spec.load import parse_spec
from bayes_rootc.spec.turnover import SamplerSection, TurnoverSpec
from bayes_rootc.units import Floats
from bayes_rootc.variables import CHAIN, DRAW_KEPT

Say = Callable[[str], None]

METHODS = {
    "joint": "joint model",
    "prior_means": "joint model with prior means",
    "ensemble": "ensemble alone: its ln k with Gaussian residuals",
}
CHAINS, TUNE, DRAWS = 2, 500, 500
"""Sampler of a fold, as in the cross-validation of turnover."""

ENSEMBLE_DRAWS = 1000


@dataclass(frozen=True)
class _Fold:
    """One fold: its data laid out with and without the held-out layers."""

    whole: FlowProblem
    training: FlowProblem
    held_rows: Mask
    seed: int


def compare_prior_means(
    spec: JointSpec,
    learning: LearningSpec,
    inputs: Inputs,
    *,
    n_folds: int = 5,
    n_jobs: int = 2,
    say: Say = lambda _: None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score held-out places by :data:`METHODS`, all in the same folds.

    Parameters
    ----------
    spec : JointSpec
        With the block turnover; its sampler gives way to 2 chains of 500 + 500 draws.
    learning : LearningSpec
    inputs : Inputs
        Of the joint model.
    n_folds, n_jobs : int
    say : callable
        Receives a line about each step.

    Returns
    -------
    scores : DataFrame
        Per method: layers, places, mean CRPS (‰) and log score (per ‰), 90 % coverage, standard
        errors that count places; ``lambda``, mean weight of the prior means over folds.
    heldout : DataFrame
        Per method and layer.

    Raises
    ------
    SpecError
        If the model has no block turnover.
    """
    if "turnover" not in [block.model for block in spec.blocks]:
        raise SpecError("blocks: turnover is missing; held-out layers are scored on their Δ14C")
    spec = spec.model_copy(update={"prior_means": None})
    whole = assemble_flow(spec, inputs)
    rows = whole.rows
    assert rows is not None
    place = np.array(whole.inputs.places["place"])[whole.sites.place[rows.profile_site]]
    biome = whole.sites.biome[rows.profile_site]
    fold_of = profile_folds(biome, place, n_folds, learning.seed)
    frames, weights = [], []
    for number in range(n_folds):
        held = (fold_of == number)[rows.profile]
        training = assemble_flow(spec, _without(inputs, held))
        fold = _Fold(whole, training, held, learning.seed + number)
        clock = time.monotonic()
        y = inputs.tables["layers"].table["delta14c"].to_numpy(float)[held]
        for method, predictive, log_score, weight in _methods(spec, learning, fold, n_jobs, say):
            found = score(predictive, y).assign(method=method, fold=number + 1, delta14c=y)
            frames.append(found.assign(log_score=log_score, place=place[rows.profile][held]))
            weights += [weight] if weight is not None else []
        say(f"fold {number + 1} of {n_folds}: {time.monotonic() - clock:.0f} s")
    heldout = pd.concat(frames, ignore_index=True)
    return _averages(heldout, float(np.mean(weights))), heldout


def _averages(heldout: pd.DataFrame, weight: float) -> pd.DataFrame:
    rows = []
    first = heldout[heldout["method"] == "joint"].reset_index(drop=True)
    for method, text in METHODS.items():
        part = heldout[heldout["method"] == method].reset_index(drop=True)
        gain = part["log_score"] - first["log_score"]
        rows.append(
            {
                "method": method,
                "what": text,
                "n_layers": len(part),
                "n_places": part["place"].nunique(),
                "crps": part["crps"].mean(),
                "crps_se": clustered_error(part["crps"], part["place"]),
                "crps_gain_se": clustered_error(part["crps"] - first["crps"], part["place"]),
                "log_score": part["log_score"].mean(),
                "log_score_gain_se": clustered_error(gain, part["place"]),
                "coverage_90": part["covered_90"].mean(),
                "coverage_90_se": clustered_error(part["covered_90"], part["place"]),
                "lambda": weight if method == "prior_means" else np.nan,
            }
        )
    return pd.DataFrame(rows)


def _without(inputs: Inputs, held: Mask) -> Inputs:
    """Inputs without the held-out layers; the places stay, so that the components do."""
    layers = inputs.tables["layers"]
    left = replace(layers, table=layers.table[~held].reset_index(drop=True))
    return replace(inputs, tables={**inputs.tables, "layers": left})


def _methods(
    spec: JointSpec, learning: LearningSpec, fold: _Fold, n_jobs: int, say: Say
) -> Iterator[tuple[str, Predictive, Floats, float | None]]:
    """Predictions of the held-out layers by each method, and the weight of the prior means."""
    draws = _sampled(spec, fold.training, fold.seed, say)
    rng = np.random.default_rng(fold.seed)
    yield "joint", *_predict(fold.whole, fold.held_rows, draws, rng), None
    layer_k = _layer_k(fold.training, draws)
    table = learning_tables(fold.training, layer_k, ("ln_k",))["ln_k"]
    cross = cross_predict(
        table, learning, "grouped", seed=fold.seed, n_jobs=n_jobs, say=say,
        elsewhere=_places(fold, table, learning),
    )  # fmt: skip
    assert cross.elsewhere is not None and cross.final is not None
    # The medians scatter less than ln k, whose posterior is as wide as its variance says.
    variance = np.mean((cross.prediction[-1] - table.y) ** 2) + _mean_variance(layer_k)
    yield "ensemble", *_ensemble(fold, cross.final, float(variance) ** 0.5, rng), None
    named = {prior_column("k"): cross.elsewhere[-1]}
    content = spec.model_dump(mode="json", by_alias=True)
    second = parse_spec(content | {"prior_means": PriorMeansSection(run="fold").model_dump()})
    assert isinstance(second, JointSpec)
    problems = [
        assemble_flow(second, replace(p.inputs, places=p.inputs.places.assign(**named)))
        for p in (fold.training, fold.whole)
    ]
    draws = _sampled(second, problems[0], fold.seed, say)
    found = _predict(problems[1], fold.held_rows, draws, rng)
    yield "prior_means", *found, float(draws.posterior["lambda_k"].mean())


def _places(fold: _Fold, table: LearningTable, learning: LearningSpec) -> Elsewhere:
    """Every place at the reference depth; held-out ones by the learners of all that is fitted."""
    places = fold.whole.inputs.places
    lat, lon = (places[name].to_numpy(float) for name in ("lat", "lon"))
    block = block_names(lat, lon, learning.validation.block_degrees)
    rows = fold.training.rows
    assert rows is not None
    fitted = np.isin(np.arange(len(places)), fold.training.sites.place[rows.profile_site])
    features = reference_features(fold.whole)[list(table.features)]
    return Elsewhere(features, np.where(fitted, block, "held out"))


def _mean_variance(layer_k: xr.Dataset) -> float:
    ln_k = np.log(layer_k["k"].transpose(CHAIN, DRAW_KEPT, ...).to_numpy().astype(float))
    return float(ln_k.var(axis=(0, 1)).mean())


def _sampled(spec: JointSpec, problem: FlowProblem, seed: int, say: Say) -> Draws:
    sampler = SamplerSection(chains=CHAINS, tune=TUNE, draws=DRAWS, seed=seed)
    compiled = compile_model(FLOW.build(spec, problem))
    draws = sample_with_retry(
        compiled, sampler, target_accept=FLOW.target_accept(spec.sampler, problem),
        divergences_max=spec.gate.divergences_max, say=say,
    )  # fmt: skip
    return replace(draws, posterior=label(draws.posterior, problem))


def _layer_k(problem: FlowProblem, draws: Draws) -> xr.Dataset:
    """Posterior draws of k of the fitted layers."""
    assert problem.likelihood is not None
    shape = (draws.posterior.sizes["chain"], draws.posterior.sizes["draw"])
    kept = kept_draws(shape, DRAWS)
    some = {name: pick(v, shape, kept) for name, v in flat_draws(draws.posterior).items()}
    layers = LayerDraws(
        mu=layer_means_k(problem, some),
        tau=some["tau_k"],
        shape=shape_draws(some),
        n_chains=shape[0],
        kept=kept,
    )
    df = _turnover(problem).likelihood.student_t_df
    found = per_layer(problem.likelihood, df, layers, np.random.default_rng(0))
    return found["derived"]


def _turnover(problem: FlowProblem) -> TurnoverSpec:
    block = problem.blocks["turnover"]
    assert isinstance(block, TurnoverSpec)
    return block


def _predict(
    problem: FlowProblem, held: Mask, draws: Draws, rng: np.random.Generator
) -> tuple[Predictive, Floats]:
    """Predictive Δ14C (‰) and log score of layers whose profiles the draws know nothing of."""
    rows, likelihood = problem.rows, problem.likelihood
    assert rows is not None and likelihood is not None
    flat = flat_draws(draws.posterior)
    level = site_level(problem, flat, "k")
    of_site = flat.get("sigma_place_k", np.zeros(len(level)))[:, None]
    of_profile = flat["sigma_profile_k"][:, None]
    site = level + of_site * rng.standard_normal(level.shape)
    centre = site[:, rows.profile_site]
    eta = centre + of_profile * rng.standard_normal(centre.shape)
    mu = layer_means_k(problem, {**flat, "eta": eta})[:, held]
    likelihood = likelihood.of(held)
    place = shape_place(likelihood, flat)
    df = _turnover(problem).likelihood.student_t_df
    delta14c = replicate_delta14c(mu, flat["tau_k"], likelihood, place=place, df=df, rng=rng)
    middle = layer_means_k(problem, {**flat, "eta": level[:, rows.profile_site]})[:, held]
    spread = np.sqrt(of_site**2 + of_profile**2 + flat["tau_k"][:, None] ** 2)[:, 0]
    density = layer_log_likelihood(middle, spread, likelihood, place=place).astype(float)
    return from_draws(delta14c), logsumexp(density, axis=0) - np.log(len(density))


def _ensemble(
    fold: _Fold, final: FinalModel, sd: float, rng: np.random.Generator
) -> tuple[Predictive, Floats]:
    """As :func:`_predict`, from the ensemble's ln k and the spread of its residuals."""
    likelihood = fold.whole.likelihood
    assert likelihood is not None
    held = fold.held_rows
    ln_k = final.predict_ensemble(layer_features(fold.whole)[held].reset_index(drop=True))
    spread = np.full(ENSEMBLE_DRAWS, sd)
    mu = np.broadcast_to(ln_k, (ENSEMBLE_DRAWS, len(ln_k)))
    # A sampled shape stays at its prior median: learners know nothing of it.
    likelihood = likelihood.of(held)
    df = _turnover(fold.whole).likelihood.student_t_df
    delta14c = replicate_delta14c(mu, spread, likelihood, place=None, df=df, rng=rng)
    density = layer_log_likelihood(mu[:1], spread[:1], likelihood, place=None)
    return from_draws(delta14c), density[0].astype(float)
