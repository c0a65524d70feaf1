"""What the losses need of a stored joint run, checked and as plain arrays."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from bayes_rootc.errors import RunError
from bayes_rootc.layers import BIOME_KEYS
from bayes_rootc.units import Floats
from bayes_rootc.variables import CHAIN, DRAW, DRAW_KEPT, EFFECT_OF, EFFECTS

SCALARS = (
    "kappa", "sigma_place_k", "sigma_profile_k", "tau_k", "sigma_place_rho", "sigma_profile_rho",
    "tau_rho", "sigma_place_bnpp", "tau_bnpp", "sigma_place_f_bnpp",
)  # fmt: skip
MAY_LACK = ("sigma_place_k", "sigma_place_rho")  # too few sites with several profiles


@dataclass(frozen=True)
class Joint:
    """Posterior of the draws that were kept for layers and sites, and what describes the sites.

    Attributes
    ----------
    draws : dict
        Parameters, draws first: (S,), (S, 9), (S, 9, C), and ``eta`` (S, profiles).
    derived : dict
        ``k``, ``rho`` (S, layers), ``eta_rho`` (S, profiles), ``bnpp``, ``f_bnpp`` (S, NPP sites).
    constants : Dataset
    reference_cm : float
        Depth at which intercepts are defined, cm.
    """

    draws: dict[str, Floats]
    derived: dict[str, Floats]
    constants: xr.Dataset
    reference_cm: float

    @property
    def n_draws(self) -> int:
        """Draws of all chains."""
        return len(self.draws["a_k"])

    def constant(self, name: str, dim: str) -> Any:
        """Return a description of layers, profiles, sites or places, one value each.

        Raises
        ------
        RunError
            If the run does not hold it.
        """
        found = _array(self.constants, "constant_data", name)
        if found.dims != (dim,):
            have = ", ".join(str(one) for one in found.dims)
            raise RunError(f"run: constant_data/{name} has dimensions ({have}); right: ({dim})")
        return found.to_numpy()

    def level(self, name: str, biome: Any, components: Floats) -> Floats:
        """Level of a quantity at sites: a_b + x · slopes_b.

        Parameters
        ----------
        name : str
            ``k``, ``rho``, ``bnpp``, ``f_bnpp`` or ``d50``.
        biome : ndarray of int, shape (n,)
        components : ndarray, shape (n, C)

        Returns
        -------
        ndarray, shape (S, n)
        """
        level = self.draws[f"a_{name}"][:, biome].copy()
        slopes = self.draws.get(f"slopes_{name}")
        if slopes is not None:
            # One component after the other: the same bits, however sites are grouped.
            for c, scores in enumerate(components.T):
                level += slopes[:, biome, c] * scores
        return level

    def spread(self, name: str) -> Floats:
        """Standard deviation as (S, 1); 0 where the model lacks it."""
        return self.draws.get(name, np.zeros(self.n_draws))[:, None]


def read_joint(run: xr.DataTree) -> Joint:
    """Read a run, refusing one that lacks a block.

    Raises
    ------
    RunError
        If a block or a group is missing; the message says which model to fit.
    """
    require_joint(run)
    posterior, derived = (run[name].to_dataset() for name in ("posterior", "derived"))
    kept = _array(derived, "derived", DRAW_KEPT).to_numpy().astype(int)
    posterior = posterior.isel({DRAW: kept})
    names = [*SCALARS, "s_k", "s_rho", "eta", *(f"a_{name}" for name in EFFECTS)]
    slopes = [f"slopes_{name}" for name in EFFECTS]
    names += [name for name in slopes if name in posterior]
    names = [name for name in names if name in posterior or name not in MAY_LACK]
    found = {name: _flat(_array(posterior, "posterior", name), DRAW) for name in names}
    sites = ("k", "rho", "eta_rho", "bnpp", "f_bnpp")
    of_sites = {name: _flat(_array(derived, "derived", name), DRAW_KEPT) for name in sites}
    return Joint(found, of_sites, run["constant_data"].to_dataset(), reference_depth(run))


def require_joint(run: xr.DataTree) -> None:
    """Refuse a run that has not all five blocks.

    Raises
    ------
    RunError
        If a group or a block is missing.
    """
    for name in ("posterior", "derived", "constant_data"):
        if name not in run.children:
            have = ", ".join(run.children) or "none"
            raise RunError(f"run: group {name} is missing; it has {have}: fit the model again")
    posterior = run["posterior"].to_dataset()
    lacking = [block for block, effect in EFFECT_OF.items() if f"a_{effect}" not in posterior]
    if lacking:
        model = run.attrs.get("model", "unknown")
        raise RunError(
            f"run: the model {model} lacks the blocks {', '.join(lacking)}; what is lost follows "
            "from all five: fit models/joint.toml"
        )


def reference_depth(run: xr.DataTree) -> float:
    """Depth at which ln k and ln rho have their intercepts, cm, from the run's specification.

    Raises
    ------
    RunError
        If the specification does not say.
    """
    try:
        spec = json.loads(run.attrs["spec"])
        options = [block["model_options"] for block in spec["blocks"] if "model_options" in block]
        return float(options[0]["reference_depth_cm"])
    except (KeyError, IndexError, TypeError, ValueError):
        raise RunError(
            "run: attribute spec does not give model_options.reference_depth_cm; fit again"
        ) from None


def all_draws(run: xr.DataTree, group: str, name: str) -> Floats:
    """Return a variable over (chain, draw, ...) with all draws first, shape (S, ...).

    Raises
    ------
    RunError
        If it is missing.
    """
    return _flat(_array(run[group].to_dataset(), group, name), DRAW)


def constant(run: xr.DataTree, name: str) -> Any:
    """Return the values of a description, or the labels of its dimension.

    Raises
    ------
    RunError
        If it is missing.
    """
    return _array(run["constant_data"].to_dataset(), "constant_data", name).to_numpy()


def biome_labels() -> list[str]:
    """Keys of the nine biomes, then ``all``."""
    return [*BIOME_KEYS, "all"]


def _array(data: xr.Dataset, group: str, name: str) -> xr.DataArray:
    if name not in data.variables:
        raise RunError(f"run: {group}/{name} is missing; fit the model again")
    return data[name]


def _flat(array: xr.DataArray, draw: str) -> Floats:
    values = np.asarray(array.transpose(CHAIN, draw, ...).to_numpy(), float)
    return values.reshape(-1, *values.shape[2:])
