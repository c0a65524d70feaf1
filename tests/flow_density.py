"""The joint density of the flow models written out: SciPy, dense covariances, labels of rows."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
from scipy import special, stats

from bayes_rootc.layers import BIOMES
from bayes_rootc.models import effects
from bayes_rootc.models.flow_problem import FlowProblem
from bayes_rootc.spec.parameters import population_priors
from bayes_rootc.spec.priors import frozen

Point = dict[str, np.ndarray]
QUICK = "FAST_COMPILE"

TRANSFORMS = {
    "_log__": np.exp,
    "_logodds__": special.expit,
}
"""Ending of a sampled variable's name → the way to its natural scale."""


def somewhere(model: pm.Model, seed: int) -> Point:
    """Return a point where no two biomes, profiles or sites are alike."""
    rng = np.random.default_rng(seed)
    point = model.initial_point()
    return {name: v + 0.3 * rng.standard_normal(np.shape(v)) for name, v in point.items()}


def natural(model: pm.Model, point: Point) -> Point:
    """Return the point on the natural scale, and all that the model derives from it."""
    value = {}
    for name, v in point.items():
        ending = next((e for e in TRANSFORMS if name.endswith(e)), "")
        value[name.removesuffix(ending)] = TRANSFORMS[ending](v) if ending else v
    made = model.compile_fn(
        model.replace_rvs_by_values(model.deterministics),
        inputs=model.value_vars,
        on_unused_input="ignore",
        mode=QUICK,
    )(point)
    return value | dict(zip([v.name for v in model.deterministics], made, strict=True))


class WrittenOut:
    """All parts of the log density of one point, by name; their sum is the density.

    Parameters
    ----------
    problem : FlowProblem
    value : mapping
        From :func:`natural`.
    """

    def __init__(self, problem: FlowProblem, value: Mapping[str, np.ndarray]) -> None:
        self.problem, self.value = problem, value
        self.parts: dict[str, float] = {}
        places = problem.inputs.places
        scores = problem.components.apply(places)
        self.scores = {place: scores[i] for i, place in enumerate(places["place"])}
        self._priors()
        self._biome_effects()
        for name in ("s_k", "s_rho", "a_ratio"):
            if name in value:
                mean, spread = {
                    "s_k": ("beta_k", "sigma_slope_k"), "s_rho": ("beta_rho", "sigma_slope_rho"),
                    "a_ratio": ("alpha_ratio", "sigma_biome_ratio"),
                }[name]  # fmt: skip
                self._effects(name, value[mean], value[spread])
        for name in problem.counts:
            if f"slopes_{name}" in value:
                self._slopes(name)
        if "eta" in value:
            self._turnover()
        if problem.density is not None:
            self._density()
        for name, table in (("bnpp", "npp"), ("f_bnpp", "npp"), ("d50", "roots")):
            if name in problem.records:
                self._records(name, problem.inputs.tables[table].table)

    @property
    def total(self) -> float:
        return sum(self.parts.values())

    def _priors(self) -> None:
        for name, prior in population_priors(self.problem.spec).items():
            if name in self.value:
                self.parts[name] = float(frozen(prior).logpdf(self.value[name]).sum())

    def _weight(self, name: str) -> np.ndarray:
        """How far each entry is sampled as it is: by its data, if effects of biomes."""
        if name == "eta":
            return np.full(self.value[name].shape, float(self.problem.profiles_centred))
        quantity = {"a_ratio": "d50"}.get(name, name.split("_", 1)[1])
        if name.startswith("slopes_"):
            n = self._squares(quantity)
            return np.asarray(n / (n + effects.SQUARES_FOR_HALF))
        half = effects.PROFILES_FOR_HALF if name.startswith("s_") else effects.GROUPS_FOR_HALF
        n = self.problem.counts[quantity]
        return np.asarray(n / (n + half))

    def _squares(self, quantity: str) -> np.ndarray:
        """Of the components over the groups of each biome: their number times their variance."""
        site = self.problem.groups[quantity]
        scores = self.problem.scores[:, : self.problem.components.n_grid]
        groups = pd.DataFrame(scores[self.problem.sites.place[site]])
        by_biome = groups.groupby(self.problem.sites.biome[site])
        squares = by_biome.var(ddof=0).mul(by_biome.size(), axis=0)
        return squares.reindex(range(len(BIOMES)), fill_value=0.0).to_numpy()

    def _jacobian(self, name: str, effects: np.ndarray, mean: Any, spread: Any) -> float:
        """Log of d effects / d sampled, the two being related as they must be."""
        weight = self._weight(name)
        sampled = self.value.get(f"{name}_multiple", effects)
        np.testing.assert_allclose(
            effects, mean + spread ** (1 - weight) * (sampled - weight * mean)
        )
        return float(((1.0 - weight) * np.log(spread)).sum())

    def _effects(self, name: str, mean: Any, spread: Any, n: int | None = None) -> None:
        """Independent effects: their density, and the Jacobian of what is sampled."""
        effects = self.value[name] if n is None else self.value[name][:, :n]
        mean, spread = np.broadcast_to(mean, effects.shape), np.broadcast_to(spread, effects.shape)
        density = float(stats.norm.logpdf(effects, mean, spread).sum())
        self.parts[f"effects {name}"] = density + self._jacobian(name, effects, mean, spread)

    def _slopes(self, name: str) -> None:
        """Effects of grid components; those of prior means are the same in all biomes."""
        value, n = self.value, self.problem.components.n_grid
        if n:
            mean, spread = value[f"gamma_{name}"], value[f"sigma_gamma_{name}"]
            self._effects(f"slopes_{name}", mean, spread, n)
        for c, component in enumerate(self.problem.components.names[n:], start=n):
            own = component == f"prior mean {name}"
            expected = value[f"lambda_{name}"] if own else 0.0
            np.testing.assert_array_equal(value[f"slopes_{name}"][:, c], expected)

    def _correlation(self, names: list[str]) -> np.ndarray:
        """From partial correlations by their recursion, one conditioning effect at a time."""
        n = len(names)
        matrix = np.eye(n)
        if "partial_correlation" not in self.value:
            return matrix
        unit = self.value["partial_correlation"]
        partial = np.eye(n)
        for number, (j, i) in enumerate(combinations(range(n), 2)):
            partial[j, i] = 2.0 * unit[number] - 1.0
            shape = self.problem.spec.covariance.lkj_eta + (n - 2 - j) / 2.0
            self.parts[f"partial {j} {i}"] = float(stats.beta.logpdf(unit[number], shape, shape))
        for j, i in combinations(range(n), 2):
            r = partial[j, i]
            for k in range(j - 1, -1, -1):
                a, b = partial[k, j], partial[k, i]
                r = r * np.sqrt((1.0 - a**2) * (1.0 - b**2)) + a * b
            matrix[i, j] = matrix[j, i] = r
        return matrix

    def _biome_effects(self) -> None:
        """All biome effects under one covariance matrix, biome by biome."""
        names, value = list(self.problem.counts), self.value
        correlation = self._correlation(names)
        spread = np.array([value[f"sigma_biome_{name}"] for name in names])
        covariance = correlation * np.outer(spread, spread)
        mean = np.array([value[f"alpha_{name}"] for name in names])
        effects = np.array([value[f"a_{name}"] for name in names])
        density = stats.multivariate_normal(mean, covariance).logpdf(effects.T).sum()
        for i in range(len(names)):
            before = slice(0, i)
            gain = np.linalg.solve(covariance[before, before], covariance[before, i])
            expected = mean[i] + gain @ (effects[before] - mean[before, None])
            own = np.sqrt(covariance[i, i] - gain @ covariance[before, i])
            density += self._jacobian(
                f"a_{names[i]}", effects[i], expected, np.full(len(expected), own)
            )
        self.parts["biome effects"] = float(density)

    def level(self, name: str, frame: pd.DataFrame) -> np.ndarray:
        """Level of each row of a table, by its biome and place."""
        found = []
        for biome, lat, lon in zip(frame["biome"], frame["lat"], frame["lon"], strict=True):
            index = list(BIOMES).index(int(biome))
            level = self.value[f"a_{name}"][index]
            if f"slopes_{name}" in self.value:
                level = level + self.value[f"slopes_{name}"][index] @ self.scores[place(lat, lon)]
            found.append(level)
        return np.array(found)

    def _profiles(self) -> pd.DataFrame:
        """One row a profile, in the order of the model."""
        assert self.problem.rows is not None
        layers = self.problem.inputs.tables["layers"].table
        return layers.groupby("profile").first().loc[list(self.problem.rows.profiles)]

    def _sites(self) -> list[str]:
        """Place and biome of each profile."""
        frame = self._profiles()
        return [
            f"{place(lat, lon)}, {biome:.0f}"
            for lat, lon, biome in zip(frame["lat"], frame["lon"], frame["biome"], strict=True)
        ]

    def _place_effect(self, name: str) -> np.ndarray:
        """Effect of the site of each profile; sites in the order of place and biome."""
        profiles = self._profiles()
        if f"sigma_place_{name}" not in self.value:
            return np.zeros(len(profiles))
        keys = self._sites()
        order = sorted(set(keys))
        first = [keys.index(key) for key in order]
        spread, sampled = self.value[f"sigma_place_{name}"], self.value[f"place_{name}_multiple"]
        if self.sites_centred:
            effect = sampled - self.level(name, profiles)[first]
            self.parts[f"place {name}"] = float(stats.norm.logpdf(effect, 0.0, spread).sum())
        else:
            effect = spread * sampled
            self.parts[f"place {name}"] = float(stats.norm.logpdf(sampled).sum())
        return np.array([effect[order.index(key)] for key in keys])

    @property
    def sites_centred(self) -> bool:
        assert self.problem.rows is not None
        return len(np.unique(self.problem.rows.profile_site)) >= effects.SITES_TO_CENTRE

    def _depth(self, frame: pd.DataFrame) -> np.ndarray:
        middle = (frame["top_cm"] + frame["bottom_cm"]) / 2.0
        return np.log((10.0 + middle.to_numpy(float)) / (10.0 + self.problem.reference_depth_cm))

    def _turnover(self) -> None:
        problem, value = self.problem, self.value
        assert problem.likelihood is not None and problem.rows is not None
        profiles, layers = self._profiles(), problem.inputs.tables["layers"].table
        level = self.level("k", profiles)
        if problem.profiles_centred and problem.is_nested:
            same = np.array(self._sites())[:, None] == np.array(self._sites())[None, :]
            covariance = value["sigma_profile_k"] ** 2 * np.eye(len(level))
            covariance += value["sigma_place_k"] ** 2 * same
            density = stats.multivariate_normal(level, covariance).logpdf(value["eta"])
            self.parts["effects eta"] = float(density)
        else:
            self._effects("eta", level + self._place_effect("k"), value["sigma_profile_k"])
        eta = dict(zip(problem.rows.profiles, value["eta"], strict=True))
        slope = value["s_k"][layers["biome"].to_numpy(int) - 1]
        mu = np.array([eta[name] for name in layers["profile"]]) + slope * self._depth(layers)
        nodes = problem.likelihood.nodes
        terms = nodes.log_weight.astype(float) + stats.norm.logpdf(
            nodes.theta.astype(float), mu[:, None], value["tau_k"]
        )
        self.parts["delta14c"] = float(special.logsumexp(terms, axis=1).sum())

    def _density(self) -> None:
        """Ln rho and ln bulk density of all layers: one Gaussian, of which a part is known."""
        problem, value = self.problem, self.value
        profiles, layers = self._profiles(), problem.inputs.tables["layers"].table
        mean = self.level("rho", profiles) + self._place_effect("rho")
        if "kappa" in value:
            mean = mean + value["kappa"] * (value["eta"] - self.level("k", profiles))
        by_profile = dict(zip(profiles.index, mean, strict=True))
        d, n = self._depth(layers), len(layers)
        slope = value["s_rho"][layers["biome"].to_numpy(int) - 1]
        expected = np.array([by_profile[name] for name in layers["profile"]]) + slope * d
        name = layers["profile"].to_numpy()
        rho = value["sigma_profile_rho"] ** 2 * (name[:, None] == name[None, :])
        rho = rho + value["tau_rho"] ** 2 * np.eye(n)
        b = value["bd_slope"]
        both = np.concatenate(
            [expected, value["bd_intercept"] + b * expected + value["bd_depth"] * d]
        )
        bulk = b**2 * rho + value["tau_bd"] ** 2 * np.eye(n)
        covariance = np.block([[rho, b * rho], [b * rho, bulk]])
        # ln C = ln rho - ln BD, less the coarse fragments.
        picked = np.block([[np.eye(n), -np.eye(n)], [np.zeros((n, n)), np.eye(n)]])
        fine = 1.0 - layers["coarse"].fillna(0.0).to_numpy(float)
        observed = np.log(
            np.concatenate([layers["pct_c"].to_numpy(float) * fine, layers["bulk_density"]])
        )
        known = np.isfinite(observed)
        picked = picked[known]
        self.parts["density"] = float(
            stats.multivariate_normal.logpdf(
                observed[known], picked @ both, picked @ covariance @ picked.T
            )
        )

    def _records(self, name: str, frame: pd.DataFrame) -> None:
        frame = frame.reset_index(drop=True)
        y = OBSERVED[name](frame)
        known = y.notna().to_numpy() & np.isfinite(y.to_numpy(float))
        frame, y = frame[known], y[known]
        residual = y.to_numpy(float) - self.level(name, frame)
        self._grouped(name, residual, frame)
        if name == "d50":
            ratio = np.log(np.log(frame["d95_cm"] / frame["d50_cm"])).to_numpy(float)
            level = self.value["a_ratio"][frame["biome"].to_numpy(int) - 1]
            self._grouped("ratio", ratio - level - self.value["ratio_d50"] * residual, frame)

    def _grouped(self, name: str, residual: np.ndarray, frame: pd.DataFrame) -> None:
        site = np.array(
            [f"{place(*row[:2])} {row[2]}" for row in frame[["lat", "lon", "biome"]].to_numpy()]
        )
        covariance = self.value[f"sigma_place_{name}"] ** 2 * (site[:, None] == site[None, :])
        covariance = covariance + self.value[f"tau_{name}"] ** 2 * np.eye(len(site))
        self.parts[f"records {name}"] = float(
            stats.multivariate_normal.logpdf(residual, np.zeros(len(site)), covariance)
        )


def place(lat: float, lon: float) -> str:
    """Coordinates to 0.01 degree."""
    return f"{lat:.2f} {lon:.2f}"


def _logit_share(frame: pd.DataFrame) -> pd.Series:
    share = (frame["bnpp"] / frame["npp"]).where(lambda f: (f > 0.0) & (f < 1.0))
    return pd.Series(special.logit(share.to_numpy(float)))


OBSERVED = {
    "bnpp": lambda frame: np.log(frame["bnpp"]),
    "f_bnpp": _logit_share,
    "d50": lambda frame: np.log(frame["d50_cm"]),
}
"""Quantity → its observations on the scale of the model."""
