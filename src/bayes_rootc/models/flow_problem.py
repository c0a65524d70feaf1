"""From tables and a specification to all that a flow model needs (no PyMC)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayes_rootc.data.components import Components, add_predictions, learn_components
from bayes_rootc.data.inputs import Inputs
from bayes_rootc.data.prior_means import prior_column
from bayes_rootc.errors import DataError
from bayes_rootc.layers import BIOME_KEYS
from bayes_rootc.models.assemble import LayerLikelihood, layer_likelihood
from bayes_rootc.models.design import LAYERS_A_PROFILE_TO_CENTRE, PROFILES_TO_CENTRE, Index
from bayes_rootc.models.flow_design import (
    DensityRows,
    LayerRows,
    Records,
    Sites,
    bnpp_records,
    d50_records,
    density_rows,
    f_bnpp_records,
    layer_rows,
    list_sites,
    ratio_records,
)
from bayes_rootc.spec.joint import Block, FlowModel
from bayes_rootc.spec.priors import Prior
from bayes_rootc.spec.turnover import TurnoverSpec
from bayes_rootc.units import Floats
from bayes_rootc.variables import EFFECT_OF, EFFECTS

SITES_TO_NEST = 20
"""With fewer sites of two or more profiles, the spread of sites cannot be told from theirs."""


@dataclass(frozen=True)
class FlowProblem:
    """Tables, sites, components and likelihoods of a flow model.

    Attributes
    ----------
    spec : FlowModel
    inputs : Inputs
    components : Components
        Learned on all places.
    scores : ndarray, shape (Q, C)
        Components of the places.
    sites : Sites
    rows : LayerRows or None
        Layers; None without turnover and stock.
    likelihood : LayerLikelihood or None
        Of the layers' Δ14C; None without turnover.
    density : DensityRows or None
        None without stock.
    records : mapping
        ``bnpp``, ``f_bnpp``, ``d50``, ``ratio``: those whose block is there.
    groups : mapping
        Quantity → site of each group of its data: of each profile, or each site with records.
    notes : tuple of str
    """

    spec: FlowModel
    inputs: Inputs
    components: Components
    scores: Floats
    sites: Sites
    rows: LayerRows | None
    likelihood: LayerLikelihood | None
    density: DensityRows | None
    records: Mapping[str, Records]
    groups: Mapping[str, Index]
    notes: tuple[str, ...]

    @property
    def blocks(self) -> dict[str, Block]:
        """Blocks by name, in the order of the model."""
        given = {block.model: block for block in self.spec.blocks}
        return {name: given[name] for name in EFFECT_OF if name in given}

    @property
    def site_scores(self) -> Floats:
        """Components of the sites, shape (S, C)."""
        return self.scores[self.sites.place]

    @property
    def counts(self) -> dict[str, Index]:
        """Quantity → groups of data by biome, shape (9,)."""
        biome = self.sites.biome
        return {
            name: np.bincount(biome[site], minlength=len(BIOME_KEYS))
            for name, site in self.groups.items()
        }

    def squares(self, name: str) -> Floats:
        """Sums of squares of the grid components about their mean in each biome, shape (9, C).

        As much as the groups of a quantity can tell of its slopes.
        """
        biome = self.sites.biome[self.groups[name]]
        scores = self.site_scores[self.groups[name], : self.components.n_grid]
        found = np.zeros((len(BIOME_KEYS), scores.shape[1]))
        for b in np.unique(biome):
            found[b] = ((scores[biome == b] - scores[biome == b].mean(axis=0)) ** 2).sum(axis=0)
        return found

    @property
    def npp_sites(self) -> Index:
        """Sites with a record of BNPP or of its share, rising."""
        found = [self.records[name].site for name in ("bnpp", "f_bnpp") if name in self.records]
        return np.unique(np.concatenate(found)) if found else np.empty(0, int)

    @property
    def reference_depth_cm(self) -> float:
        """Depth at which the levels of ln k and ln rho are defined, cm."""
        options = [
            block.model_options for block in self.blocks.values() if hasattr(block, "model_options")
        ]
        return float(options[0].reference_depth_cm) if options else 0.0

    def level_prior(self, effect: str, name: str) -> Prior:
        """Prior ``name`` (alpha, gamma, sigma_gamma, sigma_biome) of the level of a quantity.

        What a block has only jointly stands in a section of its own.
        """
        block: Any = next(self.blocks[b] for b, known in EFFECT_OF.items() if known == effect)
        own = getattr(block.priors, name, None)
        found: Prior = own if own is not None else getattr(block.joint_priors, name)
        return found

    @property
    def is_nested(self) -> bool:
        """Whether enough sites have several profiles to tell sites from profiles."""
        if self.rows is None:
            return False
        return int((np.bincount(self.rows.profile_site) > 1).sum()) >= SITES_TO_NEST

    @property
    def profiles_centred(self) -> bool:
        """Whether the effects of the profiles are sampled as they are."""
        if self.rows is None:
            return False
        n = len(self.rows.profiles)
        return n >= PROFILES_TO_CENTRE and len(self.rows.profile) >= LAYERS_A_PROFILE_TO_CENTRE * n


def assemble_flow(spec: FlowModel, inputs: Inputs) -> FlowProblem:
    """Lay out sites, learn the components, tabulate the likelihood of every layer.

    Raises
    ------
    DataError
        If a block has no data.
    """
    sites = list_sites(inputs)
    blocks = {block.model: block for block in spec.blocks}
    components = _components(spec, inputs)
    rows, likelihood, density = _layers(blocks, inputs, sites)
    records = {
        effect: make(inputs.tables[table].table, sites)
        for block, effect, make, table in RECORDS
        if block in blocks
    }
    groups = {name: np.unique(records[name].site) for name in records if name in EFFECTS}
    if rows is not None and likelihood is not None:
        groups["k"] = rows.profile_site
    if rows is not None and density is not None:
        groups["rho"] = rows.profile_site[np.unique(rows.profile[density.layer])]
    empty = [name for name, of_groups in groups.items() if not len(of_groups)]
    if empty:
        raise DataError(f"{inputs.origin}: no data for {', '.join(empty)}; leave out its block")
    return FlowProblem(
        spec=spec,
        inputs=inputs,
        components=components,
        scores=components.apply(inputs.places),
        sites=sites,
        rows=rows,
        likelihood=likelihood,
        density=density,
        records=records,
        groups={name: groups[name] for name in EFFECTS if name in groups},
        notes=(*inputs.notes, *components.notes),
    )


def _components(spec: FlowModel, inputs: Inputs) -> Components:
    """Components of the grid variables and, where the model names them, prior means."""
    components = learn_components(inputs.places, spec.covariates)
    if spec.prior_means is None:
        return components
    effects = [EFFECT_OF[block.model] for block in spec.blocks]
    columns = {name: prior_column(name) for name in effects if prior_column(name) in inputs.places}
    if not columns:
        raise DataError(
            f"{inputs.origin}: has no prior means of {', '.join(effects)}, which prior_means.run "
            f"= {spec.prior_means.run} should give"
        )
    return add_predictions(components, inputs.places, columns)


RECORDS: tuple[tuple[str, str, Callable[..., Records], str], ...] = (
    ("bnpp", "bnpp", bnpp_records, "npp"),
    ("f_bnpp", "f_bnpp", f_bnpp_records, "npp"),
    ("roots", "d50", d50_records, "roots"),
    ("roots", "ratio", ratio_records, "roots"),
)
"""Block, quantity, how its records are made, and from which table."""


def _layers(
    blocks: Mapping[Any, Block], inputs: Inputs, sites: Sites
) -> tuple[LayerRows | None, LayerLikelihood | None, DensityRows | None]:
    """Lay out what the blocks turnover and stock need; None for what no block asks for."""
    turnover, stock = blocks.get("turnover"), blocks.get("stock")
    owner: Any = turnover or stock
    if owner is None:
        return None, None, None
    layers = inputs.tables["layers"].table
    rows = layer_rows(layers, sites, owner.model_options.reference_depth_cm)
    likelihood = None
    if isinstance(turnover, TurnoverSpec):
        likelihood = layer_likelihood(turnover, layers, inputs.folder)
    return rows, likelihood, density_rows(layers) if stock is not None else None


def density_terms(
    density: DensityRows,
    depth: Floats,
    mean: Any,
    parameters: Mapping[str, Any],
    *,
    where: Callable[..., Any],
) -> tuple[Any, Any, Any]:
    """Residual, loading and variance of every known layer density, on any array library.

    With ln ρ ~ N(mean + g, τ) and ln BD = β0 + β1 ln ρ + β2 d + N(0, τ_bd):

    - both known: ln ρ itself, loading 1, variance τ²;
    - % C only: ln C = ln ρ - ln BD, so loading 1 - β1, variance (1 - β1)²τ² + τ_bd²;
    - bulk density only: loading β1, variance β1²τ² + τ_bd².

    Parameters
    ----------
    density : DensityRows
    depth, mean : array, shape (M,)
        Depth basis and expected ln ρ without the group's effect g.
    parameters : mapping
        ``tau_rho``, ``bd_intercept``, ``bd_slope``, ``bd_depth``, ``tau_bd``.
    where : callable
        ``numpy.where`` or its counterpart.
    """
    both, carbon = density.has_both, density.has_carbon
    slope, tau, tau_bd = (parameters[name] for name in ("bd_slope", "tau_rho", "tau_bd"))
    expected_bd = parameters["bd_intercept"] + parameters["bd_depth"] * depth
    loading = where(both, 1.0, where(carbon, 1.0 - slope, slope))
    offset = where(both, 0.0, where(carbon, -expected_bd, expected_bd))
    single = np.where(carbon, density.ln_carbon, density.ln_bulk)
    observed = np.where(both, density.ln_carbon + density.ln_bulk, single)
    variance = loading**2 * tau**2 + where(both, 0.0, tau_bd**2)
    return observed - offset - loading * mean, loading, variance
