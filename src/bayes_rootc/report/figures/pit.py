"""Leave-one-out probability integral transform (LOO-PIT) of the layers' Δ14C.

For layer i with importance weights w_s of leaving it out (Pareto-smoothed, [1]_):

    PIT_i = sum_s w_s · 1[replicate_is <= observed_i]

Calibrated predictions make PIT uniform between 0 and 1.

References
----------
.. [1] vehtari2024, Vehtari et al. (2024), Journal of Machine Learning Research 25(72), 1-58.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from arviz_stats.base import array_stats
from matplotlib.figure import Figure

from bayes_rootc.report.figures.style import COLOURS, INK, PALE, new_figure, styled
from bayes_rootc.report.stored import Floats, layer_frame, variable

MIN_DRAWS_PSIS = 50
PARETO_K_HIGH = 0.7
BINS = 20
BAND_DRAWS = 4000


def log_likelihood_kept(run: xr.DataTree) -> Floats | None:
    """Return the log likelihood (layer, draws) at the draws that the replicates were made from.

    None if ``draw_kept`` does not say which draws those are, or if they are too few to smooth.
    """
    replicate = variable(run, "posterior_predictive", "delta14c", "chain", "draw_kept", "layer")
    likelihood = variable(run, "log_likelihood", "delta14c", "chain", "draw", "layer")
    n_kept, n = replicate.sizes["draw_kept"], likelihood.sizes["draw"]
    if replicate.sizes["chain"] * n_kept < MIN_DRAWS_PSIS:
        return None
    if n_kept == n:
        kept = likelihood
    else:
        if "draw_kept" not in replicate.coords:
            return None
        label = replicate["draw_kept"].values
        draws = likelihood["draw"].values
        # 0, 1, 2 ... is a running number, not a thinned choice of draws.
        if np.array_equal(label, np.arange(n_kept)) or not np.isin(label, draws).all():
            return None
        kept = likelihood.sel(draw=label)
    values = np.asarray(kept.values, float)
    return values.reshape(-1, values.shape[-1]).T


def data(run: xr.DataTree) -> pd.DataFrame:
    """Layers with PIT (0 to 1), how it was made, and Pareto k (NaN without weights)."""
    array = variable(run, "posterior_predictive", "delta14c", "chain", "draw_kept", "layer")
    replicate = np.asarray(array.values, float).reshape(-1, array.sizes["layer"]).T
    layers = layer_frame(run)[["row", "entry", "site", "profile", "delta14c"]]
    below = replicate <= layers["delta14c"].to_numpy()[:, None]
    likelihood = log_likelihood_kept(run)
    if likelihood is None:
        return layers.assign(pit=below.mean(axis=1), method="PIT", pareto_k=np.nan)
    # psislw takes the log likelihood and turns its sign itself: a draw that makes the layer
    # likely must count less once the layer is left out.
    log_weight, k = array_stats.psislw(likelihood, axis=-1)
    weight = np.exp(log_weight - np.max(log_weight, axis=1, keepdims=True))
    pit = (weight * below).sum(axis=1) / weight.sum(axis=1)
    return layers.assign(pit=np.clip(pit, 0.0, 1.0), method="LOO-PIT", pareto_k=k)


def bins_for(n: int) -> int:
    """Return a number of bins with about five layers or more in each, 20 at most."""
    return int(np.clip(n // 5, 2, BINS))


def simultaneous_half_width(n: int, bins: int, mass: float = 0.95) -> float:
    """Half width (layers) of the band that holds every bin at once with the given probability.

    All bins of a uniform histogram have the same distribution, so one width serves them all; it
    is the quantile of the largest deviation in seeded multinomial draws.
    """
    counts = np.random.default_rng(0).multinomial(n, np.full(bins, 1 / bins), BAND_DRAWS)
    return float(np.quantile(np.abs(counts - n / bins).max(axis=1), mass))


@styled
def draw(run: xr.DataTree) -> Figure:
    """Draw the histogram of PIT with the simultaneous 95 % band of a uniform one."""
    table = data(run)
    n = len(table)
    bins = bins_for(n)
    half = simultaneous_half_width(n, bins)
    figure = new_figure(7.4, 3.8)
    ax = figure.subplots()
    ax.axhspan(
        max(0.0, n / bins - half),
        n / bins + half,
        color=PALE,
        lw=0,
        label="95 % of calibrated histograms lie wholly in here",
    )
    counts, edges = np.histogram(table["pit"], bins=bins, range=(0.0, 1.0))
    ax.stairs(counts, edges, color=COLOURS[0], fill=True, alpha=0.35)
    ax.stairs(counts, edges, color=COLOURS[0], lw=1.5, label="layers")
    ax.axhline(n / bins, color=INK, lw=1, ls="--", label="uniform")
    method = str(table["method"].iloc[0]) if n else "PIT"
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1.12 * max(float(counts.max()), n / bins + half))
    ax.set_xlabel(f"{method}: probability of a smaller Δ14C (–)")
    ax.set_ylabel("layers per bin (number)")
    figure.legend(loc="outside lower center", ncols=3)
    bad = int((table["pareto_k"] > PARETO_K_HIGH).sum())
    note = f"; Pareto k above {PARETO_K_HIGH:g} in {bad:,} of them" if method == "LOO-PIT" else ""
    ax.set_title(f"{method} of {n:,} layers{note}", loc="left")
    return figure
