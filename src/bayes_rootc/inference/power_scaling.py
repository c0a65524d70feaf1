"""How much results depend on priors and likelihood: power scaling, without a new fit."""

from __future__ import annotations

from pathlib import Path

import arviz_stats as azs
import numpy as np
import pandas as pd
import xarray as xr

from bayes_rootc.files import replacing
from bayes_rootc.variables import CHAIN, CORRELATION, DRAW

THRESHOLD = 0.05
"""Of power scaling: below it, priors (likelihood) hardly move the posterior [1]_.

.. [1] kallioinen2024, Kallioinen et al. (2024), Statistics and Computing 34, 57.
"""

POWER_SCALED = ("i_loss_total_mean", "i_loss_total_typical", "i_root_total_mean",
                "i_bulk_total_mean")  # fmt: skip


def power_scaling(run: xr.DataTree) -> pd.DataFrame:
    """Sensitivity of parameters and biome flows to power-scaling priors and likelihood [1]_.

    Parameters
    ----------
    run : DataTree
        A stored run of a flow model: groups posterior, derived, log_prior, log_likelihood.

    Returns
    -------
    DataFrame
        quantity; prior, likelihood (sensitivity to their weight); likelihood_noise, what the latter
        shows for a likelihood that knows nothing (below or near it, it says nothing either); what:
        ``fine``, or ``the prior matters``.
    """
    # A correlation matrix is part of the prior, but its entries are none of the quantities.
    scalars = [str(name) for name in run["log_prior"].data_vars if name != CORRELATION]
    posterior = run["posterior"].to_dataset()[scalars]
    derived = run["derived"].to_dataset()
    flows = [name for name in POWER_SCALED if name in derived]
    wanted = posterior.merge(derived[flows].drop_vars("standard_layer", errors="ignore"))
    tree = xr.DataTree.from_dict(
        {"posterior": wanted, "log_prior": run["log_prior"].to_dataset(),
         "log_likelihood": run["log_likelihood"].to_dataset()}
    )  # fmt: skip
    by_group = {group: azs.psense(tree, group=group) for group in ("prior", "likelihood")}
    tree["log_likelihood"] = _shuffled(run["log_likelihood"].to_dataset())
    by_group["likelihood_noise"] = azs.psense(tree, group="likelihood")
    rows = []
    for name in wanted.data_vars:
        found = {group: values[name] for group, values in by_group.items()}
        for index in np.ndindex(*found["prior"].shape):
            labels = [
                str(found["prior"][dim].to_numpy()[i])
                for dim, i in zip(found["prior"].dims, index, strict=True)
            ]
            label = f"{name}[{', '.join(labels)}]" if labels else str(name)
            values = [float(array.to_numpy()[index]) for array in found.values()]
            rows.append((label, *values, "fine" if values[0] < THRESHOLD else "the prior matters"))
    table = pd.DataFrame(rows, columns=["quantity", *by_group, "what"])
    return table.sort_values("prior", ascending=False, ignore_index=True)


def _shuffled(log_likelihood: xr.Dataset) -> xr.DataTree:
    """Total log likelihood of the draws in another order, which tells nothing about any quantity.

    The log likelihood of thousands of observations varies so much between draws that even a weight
    of 0.99 reweights them noticeably; what is left after shuffling is that noise.
    """
    total = np.zeros([log_likelihood.sizes[dim] for dim in (CHAIN, DRAW)])
    for array in log_likelihood.data_vars.values():
        values = array.transpose(CHAIN, DRAW, ...).to_numpy()
        total += values.reshape(*total.shape, -1).sum(axis=2)
    shuffled = np.random.default_rng(0).permutation(total.ravel()).reshape(total.shape)
    return xr.DataTree(
        xr.Dataset({"total": ((CHAIN, DRAW), shuffled)},
                   {dim: log_likelihood[dim] for dim in (CHAIN, DRAW)})
    )  # fmt: skip


def write_power_scaling(run: xr.DataTree, folder: Path) -> None:
    """Write ``sensitivity.csv`` into the folder of a run."""
    with replacing(folder / "sensitivity.csv") as beside:
        power_scaling(run).to_csv(beside, index=False)
