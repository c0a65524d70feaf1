"""From layers and a specification to all that the turnover model needs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayes_rootc.data.covariates import profile_covariates
from bayes_rootc.data.mixture import mixture_of
from bayes_rootc.data.table_data import TableData
from bayes_rootc.layers import BIOMES, STANDARD_MIDDLES_CM, depth_basis
from bayes_rootc.models.design import Design
from bayes_rootc.models.shape_knots import ShapeKnots, knots_of, stacked_nodes
from bayes_rootc.radiocarbon.atmosphere import (
    ZONES,
    load_atmosphere,
    sample_time,
    zone_of_latitude,
)
from bayes_rootc.radiocarbon.quadrature import Nodes, compress
from bayes_rootc.radiocarbon.structures import Mixture
from bayes_rootc.radiocarbon.table import (
    ForwardTable,
    Input,
    ShapeTable,
    build_mixtures,
    error_scale,
    log_likelihood_grid,
    theta_grid,
)
from bayes_rootc.spec.load import Spec
from bayes_rootc.spec.turnover import TurnoverSpec
from bayes_rootc.units import Floats


@dataclass(frozen=True, kw_only=True)
class LayerLikelihood:
    """Layers and the likelihood of their Δ14C.

    Attributes
    ----------
    layers : DataFrame
        One row a layer; see :class:`bayes_rootc.data.table_data.TableData`.
    table : ForwardTable
        Δ14C as a function of ln k.
    log_likelihood : ndarray, shape (N, G)
        log p(Δ14C_i | ln k) on the grid.
    nodes : Nodes
        The same, compressed.
    scale : ndarray, shape (N,)
        Scale of the Student-t error, ‰.
    zone : ndarray of str, shape (N,)
    time : ndarray, shape (N,)
        Moment of sampling, decimal calendar year.
    received : Input
        Atmosphere settings.
    mixture : Mixture
        How a layer's carbon is spread over decay rates; where the shape is sampled, at the prior
        median, as are ``table``, ``log_likelihood`` and ``nodes``.
    knots : ShapeKnots or None
        Of a sampled shape.
    """

    layers: pd.DataFrame
    table: ForwardTable
    log_likelihood: Floats
    nodes: Nodes
    scale: Floats
    zone: NDArray[np.str_]
    time: Floats
    received: Input
    mixture: Mixture
    knots: ShapeKnots | None = None

    def of(self, rows: NDArray[np.bool_]) -> LayerLikelihood:
        """Likelihood of some of the layers (mask, shape (N,))."""
        knots = self.knots
        return LayerLikelihood(
            layers=self.layers[rows],
            table=self.table.of(rows),
            log_likelihood=self.log_likelihood[rows],
            nodes=self.nodes.of(rows),
            scale=self.scale[rows],
            zone=self.zone[rows],
            time=self.time[rows],
            received=self.received,
            mixture=self.mixture,
            knots=knots and knots.of(rows),
        )


@dataclass(frozen=True, kw_only=True)
class Problem(LayerLikelihood):
    """Layers, their likelihood and their hierarchy.

    Attributes
    ----------
    design : Design
        Hierarchy; its biomes are those that have profiles.
    notes : tuple of str
        What was filled or left out on the way.
    """

    design: Design
    notes: tuple[str, ...]


def atmosphere_input(spec: TurnoverSpec, folder: Path | None) -> Input:
    """Atmosphere settings of a specification; ``folder`` may hold the monthly curves."""
    section = spec.atmosphere
    return Input(folder, section.initial, section.prebomb_delta14c, section.lag)


def atmosphere_of(spec: Spec, folder: Path | None) -> Input | None:
    """Atmosphere settings of any model; None where no block has radiocarbon."""
    blocks = (spec,) if isinstance(spec, TurnoverSpec) else spec.blocks
    turnover = [block for block in blocks if isinstance(block, TurnoverSpec)]
    return atmosphere_input(turnover[0], folder) if turnover else None


def atmosphere_hash(received: Input) -> str:
    """Return the sha256 of the curves of all zones, so that a run knows which it has seen."""
    digest = hashlib.sha256()
    for zone in ZONES:
        curve = load_atmosphere(
            zone, received.folder, received.initial, received.prebomb_delta14c, received.lag
        )
        digest.update(curve.year.tobytes())
        digest.update(curve.delta14c.tobytes())
    return digest.hexdigest()


def assemble(spec: TurnoverSpec, layers: TableData, folder: Path | None = None) -> Problem:
    """Tabulate the likelihood of every layer and lay out the hierarchy.

    Parameters
    ----------
    spec : TurnoverSpec
    layers : TableData
        At least one layer.
    folder : Path, optional
        Data folder with the monthly atmosphere; the packaged tables otherwise.
    """
    design, notes = _design(spec, layers.table)
    likelihood = layer_likelihood(spec, layers.table, folder)
    return Problem(**vars(likelihood), design=design, notes=(*layers.notes, *notes))


def layer_likelihood(
    spec: TurnoverSpec, table: pd.DataFrame, folder: Path | None = None
) -> LayerLikelihood:
    """Tabulate the likelihood of every layer over ln k and compress it.

    Parameters
    ----------
    spec : TurnoverSpec
    table : DataFrame
        Layers.
    folder : Path, optional
        Data folder with the monthly atmosphere; the packaged tables otherwise.
    """
    like = spec.likelihood
    zone = zone_of_latitude(table["lat"].to_numpy(float))
    time = sample_time(table["sample_year"].to_numpy(float))
    received = atmosphere_input(spec, folder)
    theta = theta_grid(like.k_min, like.k_max, like.theta_step)
    mixture = mixture_of(spec.structure)
    forward = build_mixtures(zone, time, theta, [mixture], received)[0]
    scale = error_scale(
        table["delta14c_err"].to_numpy(float), like.default_sd, like.floor_sd, like.model_sd
    )
    observed = table["delta14c"].to_numpy(float)
    log_likelihood = log_likelihood_grid(forward, observed, scale, like.student_t_df)
    knots = None
    if spec.structure.is_sampled:
        ln_shape = knots_of(mixture.name)
        mixtures = [replace(mixture, shape=float(shape)) for shape in np.exp(ln_shape)]
        stack = ShapeTable(ln_shape, tuple(build_mixtures(zone, time, theta, mixtures, received)))
        knots = ShapeKnots(
            stack,
            stacked_nodes(stack, observed, scale, like.student_t_df),
            _depth(spec, table),
            depth_basis(STANDARD_MIDDLES_CM, spec.model_options.reference_depth_cm),
        )
    return LayerLikelihood(
        layers=table,
        table=forward,
        log_likelihood=log_likelihood,
        nodes=compress(theta, log_likelihood),
        scale=scale,
        zone=zone,
        time=time,
        received=received,
        mixture=mixture,
        knots=knots,
    )


def _depth(spec: TurnoverSpec, table: pd.DataFrame) -> Floats:
    """d(z) at the middle of each layer."""
    middle = (table["top_cm"] + table["bottom_cm"]).to_numpy(float) / 2.0
    return depth_basis(middle, spec.model_options.reference_depth_cm)


def _design(spec: TurnoverSpec, table: pd.DataFrame) -> tuple[Design, tuple[str, ...]]:
    means: dict[str, str] = dict.fromkeys(spec.data.covariates, "mean")
    profiles = table.groupby("profile", sort=True).agg({"biome": "first", **means})
    numbers = sorted(int(number) for number in profiles["biome"].unique())
    covariates = profile_covariates(profiles, spec.data.covariates)
    design = Design(
        profile=profiles.index.get_indexer(pd.Index(table["profile"])),
        biome=np.searchsorted(numbers, profiles["biome"].to_numpy(int)),
        depth=_depth(spec, table),
        covariates=covariates.values,
        profiles=tuple(str(name) for name in profiles.index),
        biomes=tuple(BIOMES[number].key for number in numbers),
        covariate_names=covariates.names,
    )
    return design, covariates.notes
