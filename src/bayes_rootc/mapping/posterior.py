"""Posterior engine: draws of a joint run at every cell, without PyMC.

Per draw and cell: level of the biome, effects of the cell's components, and residuals of the
place, the profile and the layers, as sites of the biome have them; a biome without data brings
the spread of its predicted effect.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayes_rootc.data.components import PRIOR_GROUP, Components
from bayes_rootc.errors import RunError
from bayes_rootc.layers import STANDARD_LAYERS
from bayes_rootc.loss.joint import reference_depth, require_joint
from bayes_rootc.mapping.statistics import Values
from bayes_rootc.models.flows import EDGES, basis_integral, bulk_variance
from bayes_rootc.units import MG_PER_HA, Floats
from bayes_rootc.variables import CHAIN, COMPONENT, DRAW, EFFECTS, VARIABLE

N_LAYERS = len(STANDARD_LAYERS)
SCALARS = (
    "kappa", "sigma_place_k", "sigma_profile_k", "tau_k", "sigma_place_rho", "sigma_profile_rho",
    "tau_rho", "sigma_place_bnpp", "sigma_place_f_bnpp", "sigma_place_d50", "ratio_d50",
    "sigma_place_ratio",
)  # fmt: skip
MAY_LACK = ("sigma_place_k", "sigma_place_rho")
DRAWN = (*SCALARS, "sd_layer", "sd_profile")
"""Spreads and slopes that are kept, one value a draw."""

DECADIC = 1.27875 * np.log(10.0)  # as in models.flows.root_shares


@dataclass(frozen=True)
class PosteriorEngine:
    """What a joint run says of any cell.

    Attributes
    ----------
    level, slopes : dict
        Quantity → (S, 9) and (9, S, C), float32.
    scalars : dict
        Name → (S,).
    a_ratio : ndarray, shape (S, 9)
    bulk_length : ndarray, shape (9, 7, S)
        Integral of the depth trend of k · rho over each layer, cm.
    components : Components
    limits : ndarray, shape (2, C)
        Smallest and largest scores of the places of the run.
    root : str
        ``bnpp`` or ``npp``.
    clamp : bool
    npp : str
        Variable of gridded NPP, g C m-2 yr-1.
    """

    level: dict[str, Values]
    slopes: dict[str, Values]
    scalars: dict[str, Values]
    a_ratio: Values
    bulk_length: Values
    components: Components
    limits: Floats
    root: str
    clamp: bool
    npp: str

    @property
    def variables(self) -> tuple[str, ...]:
        """Variables of the grid that are needed."""
        own = self.components.variables
        return own if self.root == "bnpp" or self.npp in own else (*own, self.npp)

    def draw(
        self, cells: pd.DataFrame, biome: NDArray[np.intp], rng: np.random.Generator
    ) -> tuple[Values, Values]:
        """Draws of I_root and I_bulk by layer.

        Parameters
        ----------
        cells : DataFrame
            Covariates, n rows; ``place`` names a row in errors.
        biome : ndarray of int, shape (n,)
            0 to 8.
        rng : Generator

        Returns
        -------
        root, bulk : ndarray of float32, shape (n, 7, S)
            Mg C ha⁻¹ yr⁻¹. NaN in all draws where gridded NPP is used and missing.
        """
        scores = self.components.apply(cells)
        if self.clamp:
            scores = np.clip(scores, *self.limits)
        x = scores.astype(np.float32)
        total = self._root(x, biome, cells, rng)
        bulk = self._bulk(x, biome, rng)
        return total[:, None, :] * self._shares(x, biome, rng), bulk

    def beyond(self, cells: pd.DataFrame) -> NDArray[np.int16]:
        """Number of components of each cell that lie beyond those of the places of the run."""
        scores = self.components.apply(cells)
        outside = (scores < self.limits[0]) | (scores > self.limits[1])
        return np.asarray(outside.sum(axis=1), np.int16)

    def _at(self, name: str, x: Values, biome: NDArray[np.intp]) -> Values:
        """Level of a quantity, shape (n, S)."""
        found = np.take(self.level[name].T, biome, axis=0)
        for b in np.unique(biome):
            here = biome == b
            # Not BLAS: its sums depend on how many threads it has.
            found[here] += np.einsum("nc,sc->ns", x[here], self.slopes[name][b])
        return found

    def _root(
        self, x: Values, biome: NDArray[np.intp], cells: pd.DataFrame, rng: np.random.Generator
    ) -> Values:
        name = "bnpp" if self.root == "bnpp" else "f_bnpp"
        level = self._at(name, x, biome)
        level += self.scalars[f"sigma_place_{name}"] * _normal(rng, level.shape)
        if self.root == "bnpp":
            return np.exp(level)
        npp = (MG_PER_HA * cells[self.npp].to_numpy(float)).astype(np.float32)
        return np.asarray(npp[:, None] / (1.0 + np.exp(-level)), np.float32)

    def _shares(self, x: Values, biome: NDArray[np.intp], rng: np.random.Generator) -> Values:
        """Share of the roots of 0-200 cm in each layer, shape (n, 7, S)."""
        level = self._at("d50", x, biome)
        own = self.scalars["sigma_place_d50"] * _normal(rng, level.shape)
        ln_d50 = level + own
        ratio = np.take(self.a_ratio.T, biome, axis=0) + self.scalars["ratio_d50"] * own
        ratio += self.scalars["sigma_place_ratio"] * _normal(rng, level.shape)
        power = np.float32(-DECADIC) / np.exp(ratio)
        above = np.zeros((len(x), N_LAYERS + 1, level.shape[1]), np.float32)
        for edge in range(1, N_LAYERS + 1):
            climb = np.clip(power * (np.float32(np.log(EDGES[edge])) - ln_d50), -80.0, 80.0)
            above[:, edge] = 1.0 / (1.0 + np.exp(climb))
        shares = np.diff(above, axis=1)
        # A distribution all below 200 cm would be 0/0: its shares are what rounding leaves.
        last = np.maximum(above[:, -1:], np.finfo(np.float32).tiny)
        return np.asarray(shares / last, np.float32)

    def _bulk(self, x: Values, biome: NDArray[np.intp], rng: np.random.Generator) -> Values:
        level = self._at("k", x, biome) + self._at("rho", x, biome)
        # ln(k · rho) of a profile and of a layer about it: independent normal parts, added.
        level += self.scalars["sd_profile"] * _normal(rng, level.shape)
        noise = _normal(rng, (len(x), N_LAYERS, level.shape[1]))
        noise *= self.scalars["sd_layer"]
        noise += level[:, None, :]
        return np.exp(noise, out=noise) * np.take(self.bulk_length, biome, axis=0)


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Values:
    return rng.standard_normal(shape, dtype=np.float32)


def posterior_engine(run: xr.DataTree, n_draws: int, *, root: str, clamp: bool) -> PosteriorEngine:
    """Take from a stored joint run what maps need.

    Parameters
    ----------
    run : DataTree
    n_draws : int
        Evenly spaced draws of all chains; all where the run has fewer.
    root : str
        ``bnpp``, or ``npp`` (gridded NPP times BNPP/NPP).
    clamp : bool
        Take components beyond those of the run's places as the nearest of them.

    Raises
    ------
    RunError
        If the run lacks a block, or was fitted with prior means.
    """
    require_joint(run)
    constants = run["constant_data"].to_dataset()
    components = _components(run, constants)
    posterior = run["posterior"].to_dataset()

    def draws(name: str) -> Floats:
        if name not in posterior and name in MAY_LACK:
            return np.zeros(len(taken(run, "kappa", n_draws)))
        return taken(run, name, n_draws)

    scalars = {name: draws(name) for name in SCALARS}
    layers = scalars["tau_k"] ** 2 + scalars["tau_rho"] ** 2
    scalars["sd_layer"] = np.sqrt(layers)
    scalars["sd_profile"] = np.sqrt(np.maximum(bulk_variance(scalars) - layers, 0.0))
    slope = (draws("s_k") + draws("s_rho")).T[:, None, :]
    edges = (EDGES[:-1, None], EDGES[1:, None])
    n_components = len(components.names)
    none = np.zeros((slope.shape[2], slope.shape[0], n_components))
    scores = constants["components"].transpose(..., COMPONENT).to_numpy()
    return PosteriorEngine(
        level={name: _f32(draws(f"a_{name}")) for name in EFFECTS},
        slopes={
            name: _f32((draws(f"slopes_{name}") if n_components else none).transpose(1, 0, 2))
            for name in EFFECTS
        },
        scalars={name: _f32(values) for name, values in scalars.items()},
        a_ratio=_f32(draws("a_ratio")),
        bulk_length=_f32(basis_integral(slope, *edges, reference_depth(run))),
        components=components,
        limits=np.stack([scores.min(axis=0), scores.max(axis=0)]),
        root=root,
        clamp=clamp,
        npp=_covariates(run)["npp"],
    )


def taken(run: xr.DataTree, name: str, n_draws: int) -> Floats:
    """Draws of a parameter that the engine takes, draws first.

    Raises
    ------
    RunError
        If the run does not hold it.
    """
    posterior = run["posterior"].to_dataset()
    if name not in posterior:
        raise RunError(f"run: posterior/{name} is missing; fit the model again")
    values = posterior[name].transpose(CHAIN, DRAW, ...).to_numpy()
    size = posterior.sizes[CHAIN] * posterior.sizes[DRAW]
    kept = np.linspace(0, size - 1, min(n_draws, size)).round().astype(int)
    return np.asarray(values.reshape(size, *values.shape[2:])[kept], float)


def _covariates(run: xr.DataTree) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run.attrs["spec"])["covariates"]
    return found


def _components(run: xr.DataTree, constants: xr.Dataset) -> Components:
    groups = tuple(str(one) for one in constants["component_group"].to_numpy())
    if PRIOR_GROUP in groups:
        raise RunError(
            "run: was fitted with prior means, which are known at its own places alone; map a run "
            "without [prior_means]"
        )
    return Components(
        names=tuple(str(one) for one in constants[COMPONENT].to_numpy()),
        groups=groups,
        variables=tuple(str(one) for one in constants[VARIABLE].to_numpy()),
        log=tuple(_covariates(run)["log"]),
        mean=constants["variable_mean"].to_numpy().astype(float),
        sd=constants["variable_sd"].to_numpy().astype(float),
        loadings=constants["component_loadings"].transpose(COMPONENT, VARIABLE).to_numpy(),
        variance=constants["component_variance"].to_numpy().astype(float),
        notes=(),
    )


def _f32(values: Floats) -> Values:
    return np.ascontiguousarray(values, np.float32)
