"""Carbon flows of a biome from draws of the population: I_root, I_bulk and what is lost between.

I_loss = I_root · share(layer) - I_bulk, in every draw; it may be negative. Depth is integrated
exactly: on the depth basis k and carbon density are powers of 10 cm + z, so is their product.

References
----------
.. [1] schenk_jackson2002, Schenk & Jackson (2002), Ecological Monographs 72, 311-328.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from bayes_rootc.errors import DataError
from bayes_rootc.layers import STANDARD_EDGES_CM, depth_basis
from bayes_rootc.units import Floats

DECADIC_SHAPE = -1.27875
"""-log10(19): over one decade of depth with this exponent, roots climb from 50 to 95 % [1]_."""

EDGES = np.asarray(STANDARD_EDGES_CM, float)
AVERAGES = ("mean", "typical")
BASIS_OFFSET_CM = 10.0  # of depth_basis: log1p(z/10)


def basis_integral(
    slope: ArrayLike, top_cm: ArrayLike, bottom_cm: ArrayLike, reference_cm: float
) -> Floats:
    """Integral of exp(slope · d(z)) over a layer, d the depth basis; exact.

    With u = (10 + z)/(10 + reference) the integrand is u^slope, so the integral is
    (10 + reference) · (u_bottom^(slope+1) - u_top^(slope+1))/(slope + 1).

    Parameters
    ----------
    slope : array_like
        Slope on the depth basis; broadcast against the depths.
    top_cm, bottom_cm : array_like
        Ends of the layer, cm, 0 or more.
    reference_cm : float
        Depth at which the basis is 0, cm.

    Returns
    -------
    ndarray
        cm: the thickness that the layer would need, were all of it as at the reference depth.

    Examples
    --------
    >>> round(float(basis_integral(0.0, 40.0, 60.0, 20.0)), 9)
    20.0
    """
    power = np.asarray(slope, float) + 1.0
    top, bottom = depth_basis(top_cm, reference_cm), depth_basis(bottom_cm, reference_cm)
    x = power * (bottom - top)
    nearly_zero = np.abs(x) < 1e-8  # expm1(x)/x is 1 there
    ratio = np.where(nearly_zero, 1.0, np.expm1(x) / np.where(nearly_zero, 1.0, x))
    length = BASIS_OFFSET_CM + reference_cm
    return np.asarray(length * np.exp(power * top) * (bottom - top) * ratio)


def root_fraction(depth_cm: ArrayLike, d50_cm: ArrayLike, d95_cm: ArrayLike) -> Floats:
    """Fraction of roots above a depth, r(D) = 1/(1 + (D/D50)^c) [1]_.

    c = -1.27875/(log10 D95 - log10 D50), so that r(D50) = 0.5 and r(D95) = 0.95.

    Parameters
    ----------
    depth_cm : array_like
        D, cm, 0 or more; broadcast against the others.
    d50_cm, d95_cm : array_like
        Depths above which 50 and 95 % of the roots lie, cm; 0 < D50 < D95.

    Raises
    ------
    DataError
        If D95 is not deeper than D50, or D50 not above 0.

    Examples
    --------
    >>> float(root_fraction(12.0, 12.0, 60.0))
    0.5
    """
    ln_d50, ln_ratio = _checked(d50_cm, d95_cm)
    return np.asarray(np.exp(_ln_fraction(np.asarray(depth_cm, float), ln_d50, ln_ratio)))


def root_shares(d50_cm: ArrayLike, d95_cm: ArrayLike) -> Floats:
    """Share of the roots of 0-200 cm in each standard layer.

    (r(bottom) - r(top))/r(200), see :func:`root_fraction`; the shares sum to 1.

    Parameters
    ----------
    d50_cm, d95_cm : array_like
        cm, 0 < D50 < D95; broadcast against each other.

    Returns
    -------
    ndarray, shape (..., 7)

    Raises
    ------
    DataError
        If D95 is not deeper than D50, or D50 not above 0.
    """
    return shares_of(*_checked(d50_cm, d95_cm))


def shares_of(ln_d50: ArrayLike, ln_ratio: ArrayLike) -> Floats:
    """Return :func:`root_shares` from ln D50 and ln(D95/D50), which is above 0."""
    ln_d50, ln_ratio = np.asarray(ln_d50, float)[..., None], np.asarray(ln_ratio, float)[..., None]
    above = _ln_fraction(EDGES, ln_d50, ln_ratio)
    return np.diff(np.exp(above - above[..., -1:]), axis=-1)


def _checked(d50_cm: ArrayLike, d95_cm: ArrayLike) -> tuple[Floats, Floats]:
    d50, d95 = np.broadcast_arrays(np.asarray(d50_cm, float), np.asarray(d95_cm, float))
    wrong = ~((d50 > 0.0) & (d95 > d50))
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"root profile at position {at}: D50 = {d50.flat[at]:g} cm, D95 = {d95.flat[at]:g} cm; "
            "D95 must be deeper than D50, and D50 above 0"
        )
    return np.log(d50), np.log(d95 / d50)


def _ln_fraction(depth_cm: Floats, ln_d50: Floats, ln_ratio: Floats) -> Floats:
    # On the log scale, so that steep curves far below 200 cm keep their shares.
    power = DECADIC_SHAPE * np.log(10.0) / ln_ratio
    with np.errstate(divide="ignore"):
        return np.asarray(-np.logaddexp(0.0, power * (np.log(depth_cm) - ln_d50)))


def biome_flows(
    draws: Mapping[str, Floats], mean: Floats, covariance: Floats, reference_cm: float
) -> dict[str, Floats]:
    """Flows of each biome: mean over its sites, and at its typical (median) site.

    The typical site has the biome's mean components and no residual. Sites are log-normal about
    it, so their mean is exp(v/2) times as large: v is the variance between sites, from the
    residuals and from the components within the biome. For I_bulk a profile's own deviation of
    ln k counts 1 + kappa times, for it moves ln rho along; the residuals of single layers count
    too. For I_root it is the value of the site that counts, not the scatter of its records.
    I_root is split over depth by the root distribution of the typical site, or as I_bulk is where
    the roots were not modelled.

    Parameters
    ----------
    draws : mapping
        Parameters by the names of :data:`bayes_rootc.variables.VARIABLES`; draws first: scalars
        (S,), effects of biomes (S, B), slopes (S, B, C). Whatever a missing block would give is
        left out; a spread or slopes that the model lacks count as 0.
    mean : ndarray, shape (B, C)
        Mean components of the biome's sites.
    covariance : ndarray, shape (B, C, C)
        Their covariance within the biome.
    reference_cm : float
        Depth at which intercepts are defined, cm.

    Returns
    -------
    dict
        ``i_root_mean``, ``i_bulk_mean``, ``i_loss_mean`` (S, B, 7), the same with ``_typical``;
        their sums over 0-200 cm, ``i_root_total_mean`` ... (S, B); ``loss_share_mean``,
        ``loss_share_typical`` (S, B). Mg C ha⁻¹ yr⁻¹, shares without unit.
    """
    sites = (mean, covariance)
    bulk = _bulk(draws, *sites, reference_cm) if {"a_k", "a_rho"} <= set(draws) else None
    root = _root(draws, *sites) if "a_bnpp" in draws else None
    share = None
    if "a_d50" in draws:
        share = shares_of(_level(draws, "d50", mean), np.exp(draws["a_ratio"]))
    elif bulk is not None:
        share = bulk["typical"] / bulk["typical"].sum(axis=-1, keepdims=True)
    flows: dict[str, Floats] = {}
    for average in AVERAGES:
        if root is not None:
            flows[f"i_root_total_{average}"] = root[average]
        if root is not None and share is not None:
            flows[f"i_root_{average}"] = root[average][..., None] * share
        if bulk is not None:
            flows[f"i_bulk_{average}"] = bulk[average]
            flows[f"i_bulk_total_{average}"] = bulk[average].sum(axis=-1)
        if root is not None and bulk is not None:
            loss = flows[f"i_root_{average}"] - bulk[average]
            flows[f"i_loss_{average}"] = loss
            flows[f"i_loss_total_{average}"] = loss.sum(axis=-1)
            flows[f"loss_share_{average}"] = loss.sum(axis=-1) / root[average]
    return flows


def _root(draws: Mapping[str, Floats], mean: Floats, covariance: Floats) -> dict[str, Floats]:
    variance = _between_components(draws, ("bnpp",), covariance)
    variance = variance + _square(draws, "sigma_place_bnpp")[..., None]
    level = _level(draws, "bnpp", mean)
    return {"mean": np.exp(level + variance / 2.0), "typical": np.exp(level)}


def _bulk(
    draws: Mapping[str, Floats], mean: Floats, covariance: Floats, reference_cm: float
) -> dict[str, Floats]:
    level = _level(draws, "k", mean) + _level(draws, "rho", mean)
    slope = (draws["s_k"] + draws["s_rho"])[..., None]
    typical = np.exp(level)[..., None] * basis_integral(slope, EDGES[:-1], EDGES[1:], reference_cm)
    variance = bulk_variance(draws)[:, None]
    variance = variance + _between_components(draws, ("k", "rho"), covariance)
    return {"mean": typical * np.exp(variance / 2.0)[..., None], "typical": typical}


def bulk_variance(draws: Mapping[str, Floats]) -> Floats:
    """Variance of ln(k · rho) between layers of the same depth and components, shape (S,)."""
    of_k = _square(draws, "sigma_place_k") + _square(draws, "sigma_profile_k")
    of_rho = _square(draws, "sigma_place_rho") + _square(draws, "sigma_profile_rho")
    both = (1.0 + draws.get("kappa", np.zeros(()))) ** 2
    return np.asarray(both * of_k + of_rho + draws["tau_k"] ** 2 + draws["tau_rho"] ** 2)


def _square(draws: Mapping[str, Floats], name: str) -> Floats:
    """Square of a spread, shape (S,), or 0 where the model lacks it."""
    return np.asarray(draws[name] ** 2) if name in draws else np.zeros(())


def _level(draws: Mapping[str, Floats], name: str, mean: Floats) -> Floats:
    """Level of the typical site, a_b + mean components · slopes_b, shape (S, B)."""
    level = draws[f"a_{name}"]
    if f"slopes_{name}" in draws:
        level = level + np.einsum("sbc,bc->sb", draws[f"slopes_{name}"], mean)
    return np.asarray(level)


def _between_components(
    draws: Mapping[str, Floats], names: tuple[str, ...], covariance: Floats
) -> Floats:
    """Variance that the components within a biome bring to the sum of quantities, (S, B)."""
    known = [draws[f"slopes_{name}"] for name in names if f"slopes_{name}" in draws]
    if not known:
        return np.zeros((1, len(covariance)))
    slopes = sum(known[1:], known[0])
    return np.asarray(np.einsum("sbc,bcd,sbd->sb", slopes, covariance, slopes))
