"""Error of a measured Δ14C: its density and draws from it, used wherever either is needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln

from bayes_rootc.units import Floats


def log_density(residual: ArrayLike, scale: ArrayLike, df: float) -> Floats:
    """Log density of Student's t, whose tails let one impossible layer not move the rest.

    Parameters
    ----------
    residual : array_like
        Measured less predicted Δ14C, ‰.
    scale : array_like
        Scale of the error, ‰, above 0; of a shape that broadcasts with the residual.
    df : float
        Degrees of freedom, above 0.

    Returns
    -------
    ndarray
        Per ‰.

    Examples
    --------
    >>> round(float(log_density(0.0, 8.0, 4.0)), 3)
    -3.06
    """
    constant = gammaln(0.5 * (df + 1.0)) - gammaln(0.5 * df) - 0.5 * np.log(df * np.pi)
    tails = np.log1p(np.square(np.asarray(residual, float) / scale) / df)
    return np.asarray(constant - np.log(scale) - 0.5 * (df + 1.0) * tails, float)


def draw(scale: Floats, df: float, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Draw errors, ‰; arguments as of :func:`log_density`."""
    return np.asarray(scale * rng.standard_t(df, shape))
