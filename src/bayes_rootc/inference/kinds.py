"""The kinds of models that can be fitted: one record each, of the same steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import xarray as xr

from bayes_rootc.data.inputs import Inputs
from bayes_rootc.errors import DataError
from bayes_rootc.inference.derive import build_tree
from bayes_rootc.inference.flow_derive import biome_level, build_flow_tree, label
from bayes_rootc.inference.gate import population
from bayes_rootc.inference.sampling import Draws
from bayes_rootc.models.assemble import Problem, assemble
from bayes_rootc.models.design import Design
from bayes_rootc.models.flow_problem import FlowProblem, assemble_flow
from bayes_rootc.radiocarbon.table import Input
from bayes_rootc.spec.load import Spec
from bayes_rootc.spec.parameters import population_priors
from bayes_rootc.spec.turnover import SamplerSection, TurnoverSpec
from bayes_rootc.variables import CORRELATION

GATED_FLOWS = ("i_loss_total_mean", "i_loss_total_typical")
"""Biome-level results that must have converged like the parameters they come from."""


@dataclass(frozen=True)
class Kind:
    """How a kind of model is fitted.

    Attributes
    ----------
    assemble : callable
        Specification and inputs → problem, which has ``notes``.
    build : callable
        Specification and problem → PyMC model.
    received : callable
        Problem → atmosphere settings, or None without radiocarbon.
    target_accept : callable
        Sampler section and problem → acceptance to tune to.
    diagnosed : callable
        Problem and posterior → Dataset of what the gate looks at.
    layer_spread : str
        Name of the standard deviation that the quadrature must resolve.
    tree : callable
        Specification, problem, draws and certificate → DataTree.
    text : callable
        Problem → one line about its size.
    """

    assemble: Callable[[Any, Inputs], Any]
    build: Callable[[Any, Any], Any]
    received: Callable[[Any], Input | None]
    target_accept: Callable[[SamplerSection, Any], float]
    diagnosed: Callable[[Any, xr.Dataset], xr.Dataset]
    layer_spread: str
    tree: Callable[[Any, Any, Draws, Mapping[str, Any]], xr.DataTree]
    text: Callable[[Any], str]


def kind_of(spec: Spec) -> Kind:
    """Kind of a specification."""
    return TURNOVER if isinstance(spec, TurnoverSpec) else FLOW


def _assemble_turnover(spec: TurnoverSpec, inputs: Inputs) -> Problem:
    if "layers" not in inputs.tables:
        raise DataError(f"{inputs.origin}: has no layers; the turnover model needs them")
    return assemble(spec, inputs.tables["layers"], inputs.folder)


def _build_turnover(spec: TurnoverSpec, problem: Problem) -> Any:
    from bayes_rootc.models.turnover import build_model

    return build_model(spec, problem.design, problem)


def target_acceptance(sampler: SamplerSection, design: Design) -> float:
    """Acceptance to tune to: higher where sparse groups make the posterior a funnel."""
    rich = design.biomes_centred and design.profiles_centred
    return sampler.target_accept if rich else sampler.target_accept_sparse


def _turnover_diagnosed(problem: Problem, posterior: xr.Dataset) -> xr.Dataset:
    posterior = posterior.assign_coords(biome=list(problem.design.biomes))
    if problem.design.covariate_names:
        posterior = posterior.assign_coords(covariate=list(problem.design.covariate_names))
    return population(posterior)


def _build_flow(_: Any, problem: FlowProblem) -> Any:
    from bayes_rootc.models.flow import build_flow_model

    return build_flow_model(problem)


def _flow_received(problem: FlowProblem) -> Input | None:
    return None if problem.likelihood is None else problem.likelihood.received


def flow_acceptance(sampler: SamplerSection, problem: FlowProblem) -> float:
    """Acceptance to tune to: higher where profiles are too few to be sampled as they are."""
    rich = problem.rows is None or problem.profiles_centred
    return sampler.target_accept if rich else sampler.target_accept_sparse


def _flow_diagnosed(problem: FlowProblem, posterior: xr.Dataset) -> xr.Dataset:
    posterior = label(posterior, problem)
    effects = [f"{letter}_{name}" for name in problem.counts for letter in ("a", "s")]
    wanted = (*population_priors(problem.spec), *effects, "a_ratio", CORRELATION)
    flows = biome_level(problem, posterior)
    gated = [name for name in GATED_FLOWS if name in flows]
    return posterior[[name for name in wanted if name in posterior]].merge(flows[gated])


def _flow_text(problem: FlowProblem) -> str:
    parts = [f"{len(problem.sites)} sites at {len(problem.inputs.places)} places"]
    if problem.rows is not None:
        parts.append(f"{len(problem.rows.profile)} layers in {len(problem.rows.profiles)} profiles")
    if problem.density is not None:
        parts.append(f"{len(problem.density.layer)} with % C or bulk density")
    parts += [
        f"{len(problem.records[name].y)} {text}"
        for name, text in (
            ("bnpp", "BNPP records"), ("f_bnpp", "shares of NPP"), ("d50", "root profiles"),
        )
        if name in problem.records
    ]  # fmt: skip
    return f"{', '.join(parts)}; {len(problem.components.names)} components"


TURNOVER = Kind(
    assemble=_assemble_turnover,
    build=_build_turnover,
    received=lambda problem: problem.received,
    target_accept=lambda sampler, problem: target_acceptance(sampler, problem.design),
    diagnosed=_turnover_diagnosed,
    layer_spread="tau",
    tree=build_tree,
    text=lambda problem: (
        f"{len(problem.layers)} layers tabulated on {len(problem.table.theta)} values of k"
    ),
)
FLOW = Kind(
    assemble=assemble_flow,
    build=_build_flow,
    received=_flow_received,
    target_accept=flow_acceptance,
    diagnosed=_flow_diagnosed,
    layer_spread="tau_k",
    tree=lambda _, problem, draws, certificate: build_flow_tree(problem, draws, certificate),
    text=_flow_text,
)
