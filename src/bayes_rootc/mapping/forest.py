"""Forest engine: the study's maps, random forests of ln I_root and ln I_bulk with layer depths.

Eq. 10 gives yhat ± tau95 · sd over trees as the 95 % interval; draws of a normal distribution with
that interval carry it to sums and differences. Errors of I_root and of I_bulk are independent;
those of layers go together, and so do those of the cells of one block of ``block_degrees``, as if
what a forest does not know were one thing within a block; errors of different blocks are
independent. Tau is the ratio of error to the spread over the trees of a stand, which is a twentieth
of the trees grown on 80 % of the groups (:mod:`bayes_rootc.learning.tree_intervals`); it multiplies
the spread over all trees of the forest, which also holds how the stands differ and hence is not
smaller in the mean: the intervals err to the wide side.
I_root is split over depth as I_bulk is, as in the study's estimates 1 to 4.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from bayes_rootc.errors import DataError, RunError
from bayes_rootc.files import write_text
from bayes_rootc.layers import BIOME_KEYS, STANDARD_EDGES_CM, STANDARD_LAYERS
from bayes_rootc.learning.folds import block_names
from bayes_rootc.learning.preparation import Preparation
from bayes_rootc.learning.table import LearningTable
from bayes_rootc.learning.tree_intervals import (
    COVERAGE,
    ForestSettings,
    Tau,
    grow,
    tau_bootstrap,
    tau_oob,
    thinned,
)
from bayes_rootc.mapping.statistics import Values
from bayes_rootc.spec.map import ForestSection
from bayes_rootc.units import Floats

if TYPE_CHECKING:
    from bayes_rootc.learning.flat_forest import FlatForest

# Elsewhere flat_forest is imported where it is used: numba is slow to load.

TARGETS = ("i_root", "i_bulk")
DEPTHS = ("top_cm", "thickness_cm")
NORMAL_95 = 1.959963984540054
MAX_CORRELATION = 0.9


@dataclass(frozen=True)
class MappedForest:
    """A forest with its predictors and its tau.

    Attributes
    ----------
    forest : FlatForest
    preparation : Preparation
    tau95 : float
    """

    forest: FlatForest
    preparation: Preparation
    tau95: float

    def predict(self, cells: pd.DataFrame) -> tuple[Floats, Floats]:
        """Mean, and standard deviation of the error (half width of eq. 10 over 1.96)."""
        mean, sd = self.forest.predict(self.preparation.transform(cells))
        return mean, np.asarray(sd * self.tau95 / NORMAL_95)


@dataclass(frozen=True)
class ForestEngine:
    """What the forests say of any cell.

    Attributes
    ----------
    i_root, i_bulk : MappedForest
    n_draws, seed : int
        Of the errors.
    block_degrees : float
        Cells of a block of so many degrees share their errors.
    """

    i_root: MappedForest
    i_bulk: MappedForest
    n_draws: int
    seed: int
    block_degrees: float

    @property
    def variables(self) -> tuple[str, ...]:
        """Variables of the grid that are needed."""
        names = [*self.i_root.preparation.numbers, *self.i_bulk.preparation.numbers]
        return tuple(name for name in dict.fromkeys(names) if name not in DEPTHS)

    def draw(
        self, cells: pd.DataFrame, biome: NDArray[np.intp], rng: np.random.Generator
    ) -> tuple[Values, Values]:
        """Draws of I_root and I_bulk by layer; as :meth:`.posterior.PosteriorEngine.draw`."""
        del rng  # errors are those of a block of degrees, whatever cells are asked for together
        noise = self._errors(cells)
        cells = cells.assign(biome=np.array(BIOME_KEYS)[biome])
        mean, sd = map(_f32, self.i_root.predict(cells))
        total: Values = np.exp(mean[:, None] + sd[:, None] * noise[:, 0])
        layers = pd.concat([_at_depth(cells, layer) for layer in range(len(STANDARD_LAYERS))])
        found = self.i_bulk.predict(layers)
        mean, sd = (_f32(one).reshape(-1, len(cells)).T for one in found)
        bulk: Values = np.exp(mean[..., None] + sd[..., None] * noise[:, None, 1])
        central = np.exp(mean)
        share = _f32(central / central.sum(axis=1, keepdims=True))
        return total[:, None, :] * share[..., None], bulk

    def _errors(self, cells: pd.DataFrame) -> Values:
        """Standard normal errors of ln I_root and ln I_bulk, shape (n, 2, S)."""
        lat, lon = (cells[name].to_numpy(float) for name in ("lat", "lon"))
        names, code = np.unique(block_names(lat, lon, self.block_degrees), return_inverse=True)
        drawn = np.empty((len(names), 2, self.n_draws), np.float32)
        for i, name in enumerate(names):
            named = int.from_bytes(blake2b(str(name).encode(), digest_size=8).digest())
            rng = np.random.default_rng(np.random.SeedSequence((self.seed, named)))
            drawn[i] = [stratified_normal(self.n_draws, rng) for _ in range(2)]
        return drawn[code]


def stratified_normal(n: int, rng: np.random.Generator) -> Floats:
    """Standard normal draws, one from each of n equally likely strata, in random order.

    Quantiles scatter less than those of plain draws; the tails are there, as means of exp(draws)
    need them, which the middles of the strata would lack.
    """
    # 1 - random() is above 0, whose normal quantile is infinite.
    return np.asarray(ndtri((rng.permutation(n) + 1.0 - rng.random(n)).clip(max=n - 1e-9) / n))


def _f32(values: Floats) -> Values:
    return np.asarray(values, np.float32)


def _at_depth(cells: pd.DataFrame, layer: int) -> pd.DataFrame:
    top, bottom = STANDARD_EDGES_CM[layer : layer + 2]
    return cells.assign(top_cm=float(top), thickness_cm=float(bottom - top))


def grow_forest(
    table: LearningTable, section: ForestSection, seed: int
) -> tuple[MappedForest, dict[str, Any]]:
    """Grow the forest of a target, and find its tau.

    Returns
    -------
    MappedForest
    facts : dict
        ``rows``, ``groups``, ``tau95``, ``half_width`` (median, on the scale of the target), and
        ``tau95_oob``, ``tau95_bootstrap`` as far as they were found.
    """
    from bayes_rootc.learning.flat_forest import flatten

    preparation = Preparation(MAX_CORRELATION, unseen="zero").fit(table.features)
    x = preparation.transform(table.features)
    group = table.group
    if section.held_out == "block":
        group = block_names(table.lat, table.lon, section.block_degrees)
    settings = ForestSettings(
        section.n_trees, section.min_leaf, section.max_features, section.inside
    )
    trees, unseen = grow(x, table.y, group, settings, seed)
    taus = {"oob": tau_oob(trees, unseen, x, table.y)}
    if section.tau == "bootstrap":
        taus["bootstrap"] = tau_bootstrap(
            x, table.y, group, settings, seed=seed, repeats=section.repeats
        )
    forest = flatten(thinned(trees, section.n_trees), x.shape[1])
    mapped = MappedForest(forest, preparation, taus[section.tau].tau95)
    return mapped, _facts(table, taus, section.tau, len(np.unique(group)))


def _facts(table: LearningTable, taus: dict[str, Tau], used: str, n_groups: int) -> dict[str, Any]:
    tau = taus[used]
    return {
        "rows": len(table.y),
        "groups": n_groups,
        "tau95": tau.tau95,
        "half_width": float(tau.tau95 * np.median(tau.sd)),
        **{f"tau95_{name}": one.tau95 for name, one in taus.items()},
    }


def save_mapped(mapped: MappedForest, folder: Path, name: str) -> None:
    """Write a forest as ``NAME.npz`` and ``NAME.json``, no pickle."""
    from bayes_rootc.learning.flat_forest import save_forest

    save_forest(mapped.forest, folder / f"{name}.npz")
    about = {"tau95": mapped.tau95, "coverage": COVERAGE, **mapped.preparation.to_dict()}
    write_text(folder / f"{name}.json", json.dumps(about, indent=1) + "\n")


def load_mapped(folder: Path, name: str) -> MappedForest:
    """Read what :func:`save_mapped` wrote.

    Raises
    ------
    RunError
        If it is missing or no stored forest.
    """
    from bayes_rootc.learning.flat_forest import load_forest

    path = folder / f"{name}.json"
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        preparation = Preparation.from_dict(about)
        tau95 = float(about["tau95"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path}: is no stored forest ({error})") from None
    forest = load_forest(folder / f"{name}.npz")
    if len(forest.n_thresholds) != len(preparation.names):
        raise DataError(f"{path}: names {len(preparation.names)} predictors, the forest has others")
    return MappedForest(forest, preparation, tau95)
