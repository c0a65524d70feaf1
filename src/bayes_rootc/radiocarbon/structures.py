"""Structures of a layer's carbon: one pool, or pools of many decay rates mixed in one layer.

A layer holds carbon of many decay rates k. Let p(k) be the share of its *stock* that decays at the
rate k, and k_m = ∫ k p(k) dk its mean. At steady state (loss of 14C aside) every part of the
stock receives k times its own carbon, so that [1]_ [2]_

- the flux into the layer is C · k_m, whatever the spread: I_bulk = C · k_m;
- turnover time (stock over flux) and mean transit time are both 1/k_m;
- the mean age of the stored carbon is ∫ p(k)/k dk = m/k_m with m >= 1 (Jensen), m = 1 only for
  one pool, so that stock over mean age is too small a flux in every other structure;
- Δ14C of the layer is that of its parts, weighted by stock: ∫ p(k) Δ14C(k) dk.

Every structure here has a distribution of u = ln(k/k_m) that does not depend on k_m. On an even
grid of ln k the mixture is therefore one convolution of the one-pool table.

References
----------
.. [1] bolin_rodhe1973, Bolin & Rodhe (1973), Tellus 25, 58-62.
.. [2] sierra2017, Sierra, Müller, Metzler, Manzoni & Trumbore (2017), Global Change Biology 23,
   1763-1773.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from bayes_rootc.errors import SpecError
from bayes_rootc.units import Floats

PARTS = 4096
"""Parts into which a continuous distribution of ln(k/k_m) is cut."""

TAIL = 1e-10
"""Stock beyond either end of the parts."""

SLOWEST_PART = -25.0
"""Below this u no part of any layer has 14C left: whatever lies there counts as lying here."""


@dataclass(frozen=True)
class Structure:
    """How the decay rates of a layer's carbon are distributed.

    Attributes
    ----------
    text : str
        What it is, for people.
    parts : callable
        (shape, fraction) → ln(k/k_m) of the parts and their shares of the stock.
    age_factor : callable
        (shape, fraction) → m, mean age of the stock times k_m; inf where there is none.
    """

    text: str
    parts: Callable[[float, float], tuple[Floats, Floats]]
    age_factor: Callable[[Floats, float], Floats]


@dataclass(frozen=True)
class Mixture:
    """A structure with its shape: all that follows from k_m.

    Attributes
    ----------
    name : str
        Key of :data:`STRUCTURES`.
    shape : float
        gamma: shape a of the distribution of k; lognormal: standard deviation of ln k; two_pool:
        ratio of the two rates; NaN for one_pool.
    fraction : float
        two_pool: share of the stock in the fast pool; NaN otherwise.

    Examples
    --------
    >>> Mixture("gamma", 2.0).mean_stock_age(0.01)
    200.0
    >>> Mixture("gamma", 2.0).mean_transit_time(0.01)
    100.0
    """

    name: str = "one_pool"
    shape: float = float("nan")
    fraction: float = float("nan")

    def __post_init__(self) -> None:
        """Refuse what is no mixture.

        Raises
        ------
        SpecError
            If the structure is unknown, its shape is not above 0 (of two_pool: 1 or more), or the
            fraction of two_pool not between 0 and 1.
        """
        if self.name not in STRUCTURES:
            right = ", ".join(STRUCTURES)
            raise SpecError(f"structure {self.name!r} is unknown; it must be one of {right}")
        if self.name == "one_pool":
            return
        least = 1.0 if self.name == "two_pool" else 0.0
        if not (self.shape > least or self.shape == least == 1.0):
            bound = "1 or more" if least else "above 0"
            raise SpecError(f"structure {self.name}: shape = {self.shape:g}; it must be {bound}")
        if self.name == "two_pool" and not 0.0 < self.fraction < 1.0:
            raise SpecError(
                f"structure two_pool: fraction = {self.fraction:g}; the share of the stock in the "
                "fast pool must lie between 0 and 1"
            )

    @property
    def text(self) -> str:
        """In words, for people: "one pool", "gamma, shape 1.5"."""
        if self.name == "one_pool":
            return "one pool"
        fast = "" if np.isnan(self.fraction) else f", {self.fraction:g} of the stock fast"
        return f"{self.name}, shape {self.shape:g}{fast}"

    def parts(self) -> tuple[Floats, Floats]:
        """ln(k/k_m) of the parts and their shares of the stock; the shares' mean of k is k_m."""
        u, share = STRUCTURES[self.name].parts(self.shape, self.fraction)
        return u - np.log(share @ np.exp(u)), share

    def flux_per_stock(self, k: float) -> float:
        """Carbon that enters per year and unit of stock, yr⁻¹: the mean rate ``k`` itself."""
        return k

    def mean_transit_time(self, k: float) -> float:
        """Mean age of the carbon that leaves, 1/k years; turnover time is the same."""
        return 1.0 / k

    def mean_stock_age(self, k: float) -> float:
        """Mean age of the carbon that is there, years, where ``k`` is the mean rate (yr⁻¹).

        Raises
        ------
        SpecError
            If the distribution has so many slow parts that there is no mean age.
        """
        factor = float(age_factor(self.name, np.array(self.shape), self.fraction))
        if not np.isfinite(factor):
            raise SpecError(
                f"structure {self.name} with shape {self.shape:g} has no mean age of the stock; "
                "the shape must be above 1 (flux and transit time exist with any)"
            )
        return factor / k


def age_factor(name: str, shape: Floats, fraction: float) -> Floats:
    """Mean age of the stock times k_m, as of ``shape``'s shape; inf where there is no mean age."""
    return np.asarray(STRUCTURES[name].age_factor(np.asarray(shape, float), fraction))


def mixing_weights(mixture: Mixture, step: float) -> tuple[Floats, int]:
    """Weights of the grid points around one where k = k_m.

    Between grid points the one-pool curve is read by cubic convolution (Keys 1981, IEEE Trans.
    Acoust. 29, 1153-1160), which two parts of one rate leave as it is at grid points.

    Parameters
    ----------
    mixture : Mixture
    step : float
        Of the grid of ln k.

    Returns
    -------
    weights : ndarray, shape (J,)
        Sum 1.
    first : int
        Position of the first one, relative to that of k_m.
    """
    u, share = mixture.parts()
    place = np.maximum(u, SLOWEST_PART) / step
    left = np.floor(place).astype(int)
    first = int(left.min()) - 1
    weights = np.zeros(int(left.max()) + 3 - first)
    for offset in (-1, 0, 1, 2):
        part = share * _cubic_convolution(place - left - offset)
        weights += np.bincount(left + offset - first, part, minlength=len(weights))
    return weights, first


def mix(curves: Floats, weights: Floats, first: int, n_before: int, n: int) -> Floats:
    """Mix one-pool curves.

    Parameters
    ----------
    curves : ndarray, shape (U, E)
        On a grid that reaches beyond the one asked for; held at its ends.
    weights, first
        From :func:`mixing_weights`.
    n_before : int
        Points of the curves before the first one asked for.
    n : int
        Points asked for.

    Returns
    -------
    ndarray, shape (U, n)
    """
    size, column = curves.shape[1], np.arange(n)[:, None]
    reached = np.clip(np.arange(len(weights)) + first + n_before + column, 0, size - 1)
    taken = np.bincount(
        (column * size + reached).ravel(), np.tile(weights, n), minlength=n * size
    ).reshape(n, size)
    return np.asarray(curves @ taken.T)


def _cubic_convolution(x: Floats) -> Floats:
    x = np.abs(x)
    near = 1.0 + x**2 * (1.5 * x - 2.5)
    far = 2.0 + x * (-4.0 + x * (2.5 - 0.5 * x))
    return np.where(x <= 1.0, near, np.where(x < 2.0, far, 0.0))


def _one(_shape: float, _fraction: float) -> tuple[Floats, Floats]:
    return np.zeros(1), np.ones(1)


def _gamma(a: float, _fraction: float) -> tuple[Floats, Floats]:
    k = stats.gamma(a, scale=1.0 / a)
    return _cut(np.log(max(k.ppf(TAIL), np.exp(SLOWEST_PART))), np.log(k.isf(TAIL)),
                lambda u: k.cdf(np.exp(u)))  # fmt: skip


def _lognormal(sd: float, _fraction: float) -> tuple[Floats, Floats]:
    u = stats.norm(-0.5 * sd**2, sd)
    return _cut(max(u.ppf(TAIL), SLOWEST_PART), u.isf(TAIL), u.cdf)


def _cut(low: float, high: float, below: Callable[[Floats], Floats]) -> tuple[Floats, Floats]:
    """Middles and masses of even parts of a continuous distribution; the ends take the tails."""
    edges = np.linspace(low, high, PARTS + 1)
    reached = below(edges)
    reached[[0, -1]] = 0.0, 1.0
    return 0.5 * (edges[1:] + edges[:-1]), np.diff(reached)


def _two(ratio: float, fraction: float) -> tuple[Floats, Floats]:
    return np.array([0.0, -np.log(ratio)]), np.array([fraction, 1.0 - fraction])


def _gamma_age(a: Floats, _fraction: float) -> Floats:
    return np.where(a > 1.0, a / np.where(a > 1.0, a - 1.0, 1.0), np.inf)


def _two_age(ratio: Floats, fraction: float) -> Floats:
    slow = 1.0 - fraction
    return (fraction + slow * ratio) * (fraction + slow / ratio)


STRUCTURES = {
    "one_pool": Structure("one homogeneous pool", _one, lambda _shape, _: np.array(1.0)),
    "gamma": Structure("decay rates of the stock gamma-distributed", _gamma, _gamma_age),
    "lognormal": Structure(
        "decay rates of the stock log-normal", _lognormal, lambda sd, _: np.exp(sd**2)
    ),
    "two_pool": Structure("two pools in parallel, a fast and a slow one", _two, _two_age),
}
"""Name in a model file → structure."""
