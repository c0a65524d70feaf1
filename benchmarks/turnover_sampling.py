"""Effective draws a second: the quadrature model beside the way a textbook would write it.

The textbook model keeps one latent ln k per layer and interpolates the forward curve inside the
graph: centred, θ ~ N(μ, τ), or as multiples, θ = μ + τ z; its chains start near the middle of the
prior, as the sampler does by default, or dispersed, as R-hat supposes (Gelman & Rubin 1992). All
run in one process, on the same layers, priors, hierarchy and sampler settings.

Two comparisons, each with the smallest effective sample size, bulk or tail, of what it covers:

- *population*: the parameters that the gate looks at, effects of the biomes included;
- *with layers*: these and ln k of every layer. Δ14C has two roots after the bomb peak, so a
  textbook chain keeps to the solution of a layer in which it began: the chains disagree, and
  R-hat says so. The quadrature model draws ln k afterwards; the time of that is counted.
"""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import arviz_stats as azs
import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr

from bayes_rootc.inference.gate import summarise
from bayes_rootc.inference.predictive import flat_draws, layer_means
from bayes_rootc.inference.recover import recover_theta
from bayes_rootc.inference.sampling import Draws, read_draws
from bayes_rootc.models.assemble import Problem
from bayes_rootc.models.turnover import build_model
from bayes_rootc.spec.priors import FAMILIES
from bayes_rootc.spec.turnover import SamplerSection, TurnoverSpec
from bayes_rootc.units import Floats
from bayes_rootc.variables import BIOME, COVARIATE, LAYER, PROFILE
from benchmarks.common import default_problem, machine

HELP = "effective draws a second: quadrature beside the textbook's latent model"
REQUIRED_RATIO = 250.0
TIME_LIMIT = 240.0
"""Seconds after which a sampler is stopped; what it has drawn by then counts."""


@dataclass(frozen=True)
class Textbook:
    """A form of the textbook model: how the latents are written, where the chains start."""

    centred: bool
    starts: str


TEXTBOOKS = {
    "textbook_centred": Textbook(True, "support_point"),
    "textbook_centred_dispersed": Textbook(True, "prior"),
    "textbook_multiples": Textbook(False, "support_point"),
}


@dataclass(frozen=True)
class Smallest:
    """Smallest ESS and largest R-hat of some quantities, and the seconds that they took."""

    ess: float
    worst: str
    r_hat: float
    seconds: float

    @property
    def ess_per_second(self) -> float:
        return self.ess / self.seconds


@dataclass(frozen=True)
class Speed:
    """What one model achieved."""

    compile_seconds: float
    chains: int
    draws: int
    complete: bool
    divergences: int
    population: Smallest
    with_layers: Smallest


def build_textbook(spec: TurnoverSpec, problem: Problem, *, centred: bool) -> pm.Model:
    """Write the same hierarchy with a latent ln k per layer and an interpolated forward curve."""
    design, table = problem.design, problem.table
    coords = {
        BIOME: design.biomes,
        PROFILE: design.profiles,
        LAYER: np.arange(len(design.profile)),
        COVARIATE: design.covariate_names,
    }
    with pm.Model(coords=coords) as model:
        prior = {name: _prior(spec, name) for name in type(spec.priors).model_fields}
        a_biome = pm.Normal("a_biome", prior["alpha"], prior["sigma_biome"], dims=BIOME)
        s_biome = pm.Normal("s_biome", prior["beta"], prior["sigma_slope"], dims=BIOME)
        centre = a_biome[design.biome] + pt.dot(design.covariates, prior["gamma"])
        eta = pm.Normal("eta_profile", centre, prior["sigma_profile"], dims=PROFILE)
        mu = eta[design.profile] + s_biome[design.biome[design.profile]] * design.depth
        if centred:
            theta = pm.Normal("theta", mu, prior["tau"], dims=LAYER)
        else:
            multiple = pm.Normal("theta_multiple", 0.0, 1.0, dims=LAYER)
            theta = pm.Deterministic("theta", mu + prior["tau"] * multiple, dims=LAYER)

        grid = len(table.theta)
        step = table.theta[1] - table.theta[0]
        place = pt.clip((theta - table.theta[0]) / step, 0.0, grid - 1.0)
        left = pt.minimum(pt.floor(place), grid - 2.0)
        curves = pt.as_tensor(table.delta14c.ravel())
        index = left.astype("int64") + table.row * grid
        low, high = curves[index], curves[index + 1]
        pm.StudentT(
            "delta14c",
            nu=spec.likelihood.student_t_df,
            mu=low + (place - left) * (high - low),
            sigma=problem.scale,
            observed=problem.layers["delta14c"].to_numpy(float),
            dims=LAYER,
        )
    return model


def _prior(spec: TurnoverSpec, name: str) -> Any:
    prior = getattr(spec.priors, name)
    family = FAMILIES[prior.dist]
    dims = {"dims": COVARIATE} if name == "gamma" else {}
    return getattr(pm, family.pymc_name)(name, **family.pymc_arguments(prior), **dims)


def measure(
    model: pm.Model, problem: Problem, sampler: SamplerSection, starts: str = "support_point"
) -> Speed:
    """Compile, sample and summarise one model."""
    clock = time.monotonic()
    compiled = _compile(model, starts)
    compile_seconds = time.monotonic() - clock
    with tempfile.TemporaryDirectory() as folder:
        draws = _sample(compiled, sampler, Path(folder))
    posterior = draws.posterior.assign_coords(
        biome=list(problem.design.biomes), covariate=list(problem.design.covariate_names)
    )
    clock = time.monotonic()
    theta = _layers(posterior, problem, sampler.seed)
    recovering = time.monotonic() - clock
    population = _population(posterior, draws.seconds)
    return Speed(
        compile_seconds=compile_seconds,
        chains=posterior.sizes["chain"],
        draws=posterior.sizes["draw"],
        complete=draws.complete,
        divergences=int(draws.sample_stats["diverging"].sum()),
        population=population,
        with_layers=_with_layers(population, theta, draws.seconds + recovering),
    )


def _compile(model: pm.Model, starts: str) -> Any:
    import nutpie

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as inference.sampling.compile_model
        return nutpie.compile_pymc_model(model, default_initialization_strategy=starts)


def _layers(posterior: xr.Dataset, problem: Problem, seed: int) -> Floats:
    """Ln k of every layer, shape (chain, draw, layer)."""
    if "theta" in posterior:
        return posterior["theta"].to_numpy()
    draws = flat_draws(posterior)
    mu, rng = layer_means(draws, problem.design), np.random.default_rng(seed)
    grid = problem.table.theta
    theta = recover_theta(grid, problem.log_likelihood[None], mu, draws["tau"], rng).theta
    return theta.reshape(posterior.sizes["chain"], posterior.sizes["draw"], -1)


def _population(posterior: xr.Dataset, seconds: float) -> Smallest:
    summary = summarise(posterior)
    ess = summary[["ess_bulk", "ess_tail"]].min(axis="columns")
    return Smallest(float(ess.min()), str(ess.idxmin()), float(summary["r_hat"].max()), seconds)


def _with_layers(population: Smallest, theta: Floats, seconds: float) -> Smallest:
    layers = [theta[..., i] for i in range(theta.shape[-1])]
    bulk = [float(azs.ess(one, method="bulk")) for one in layers]
    tail = [float(azs.ess(one, method="tail", prob=(0.05, 0.95))) for one in layers]
    ess = np.minimum(bulk, tail)
    r_hat = max(float(azs.rhat(one)) for one in layers)
    worst = f"ln k of layer {int(ess.argmin())}"
    if population.ess <= ess.min():
        worst = population.worst
    return Smallest(
        float(min(ess.min(), population.ess)), worst, max(r_hat, population.r_hat), seconds
    )


def _sample(compiled: Any, sampler: SamplerSection, store: Path) -> Draws:
    import nutpie

    clock = time.monotonic()
    running = nutpie.sample(
        compiled,
        draws=sampler.draws,
        tune=sampler.tune,
        chains=sampler.chains,
        seed=sampler.seed,
        target_accept=sampler.target_accept,
        save_warmup=False,
        progress_bar=False,
        zarr_store=nutpie.zarr_store.LocalStore(str(store)),
        blocking=False,
    )
    while not _is_finished(running) and time.monotonic() - clock < TIME_LIMIT:
        time.sleep(0.1)
    seconds = time.monotonic() - clock
    (running.wait if _is_finished(running) else running.abort)()
    draws = read_draws(store)
    return Draws(draws.posterior, draws.sample_stats, draws.complete, seconds)


def _is_finished(running: Any) -> bool:
    try:
        return bool(running.is_finished)
    except TimeoutError:  # nutpie's way of saying "busy"
        return False


def run(say: Callable[[str], None]) -> dict[str, Any]:
    """Measure all models; the ratios are taken to the textbook's fastest form."""
    spec, problem, data = default_problem()
    before = machine()
    say(f"data: {data}; load average {before['load_average']} before the start")
    model = build_model(spec, problem.design, problem)
    ours = measure(model, problem, spec.sampler)
    _describe(say, "quadrature", ours)
    textbooks = {}
    for name, form in TEXTBOOKS.items():
        model = build_textbook(spec, problem, centred=form.centred)
        textbooks[name] = measure(model, problem, spec.sampler, form.starts)
        _describe(say, name, textbooks[name])
    best = max(textbooks.values(), key=lambda speed: speed.population.ess_per_second)
    best_layers = max(textbooks.values(), key=lambda speed: speed.with_layers.ess_per_second)
    ratio = ours.population.ess_per_second / best.population.ess_per_second
    ratio_layers = ours.with_layers.ess_per_second / best_layers.with_layers.ess_per_second
    say(
        f"ratio of effective draws a second: population {ratio:.0f}, with layers "
        f"{ratio_layers:.0f} (required: {REQUIRED_RATIO:.0f})"
    )
    return {
        "ess_per_second": ours.population.ess_per_second,
        "textbook_ess_per_second": best.population.ess_per_second,
        "ratio": ratio,
        "r_hat_textbook": best.population.r_hat,
        "ess_per_second_with_layers": ours.with_layers.ess_per_second,
        "textbook_ess_per_second_with_layers": best_layers.with_layers.ess_per_second,
        "ratio_with_layers": ratio_layers,
        "r_hat_textbook_with_layers": best_layers.with_layers.r_hat,
        "models": {
            name: asdict(speed) for name, speed in [("quadrature", ours), *textbooks.items()]
        },
        "data": data,
        "machine": before,
    }


def _describe(say: Callable[[str], None], name: str, speed: Speed) -> None:
    say(
        f"{name}: {speed.chains} x {speed.draws} draws{'' if speed.complete else ' (stopped)'}, "
        f"compiled in {speed.compile_seconds:.0f} s, {speed.divergences} divergences"
    )
    for what, one in (("population", speed.population), ("with layers", speed.with_layers)):
        say(
            f"  {what:<11} smallest ESS {one.ess:6.1f} ({one.worst}) in {one.seconds:.0f} s, "
            f"largest R-hat {one.r_hat:.3f}: {one.ess_per_second:.4g} ESS/s"
        )
