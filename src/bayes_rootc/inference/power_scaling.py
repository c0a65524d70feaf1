"""How much results depend on priors and likelihood: power scaling, without a new fit."""

from __future__ import annotations

from pathlib import Path

import arviz_stats as azs
import numpy as np
import pandas as pd
import xarray as xr

from bayes_rootc.files import replacing

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
        quantity, prior, likelihood (change per doubling of the weight), what: ``fine``,
        ``prior and data both matter``, or ``rests on the prior``.
    """
    scalars = [str(name) for name in run["log_prior"].data_vars]
    posterior = run["posterior"].to_dataset()[scalars]
    derived = run["derived"].to_dataset()
    flows = [name for name in POWER_SCALED if name in derived]
    wanted = posterior.merge(derived[flows].drop_vars("standard_layer", errors="ignore"))
    tree = xr.DataTree.from_dict(
        {"posterior": wanted, "log_prior": run["log_prior"].to_dataset(),
         "log_likelihood": run["log_likelihood"].to_dataset()}
    )  # fmt: skip
    by_group = {group: azs.psense(tree, group=group) for group in ("prior", "likelihood")}
    rows = []
    for name in wanted.data_vars:
        found = {group: values[name] for group, values in by_group.items()}
        for index in np.ndindex(*found["prior"].shape):
            labels = [
                str(found["prior"][dim].to_numpy()[i])
                for dim, i in zip(found["prior"].dims, index, strict=True)
            ]
            label = f"{name}[{', '.join(labels)}]" if labels else str(name)
            prior, likelihood = (float(values.to_numpy()[index]) for values in found.values())
            rows.append((label, prior, likelihood, _diagnosis(prior, likelihood)))
    table = pd.DataFrame(rows, columns=["quantity", "prior", "likelihood", "what"])
    return table.sort_values("prior", ascending=False, ignore_index=True)


def _diagnosis(prior: float, likelihood: float) -> str:
    if prior < THRESHOLD:
        return "fine"
    return "prior and data both matter" if likelihood >= THRESHOLD else "rests on the prior"


def write_power_scaling(run: xr.DataTree, folder: Path) -> None:
    """Write ``sensitivity.csv`` into the folder of a run."""
    with replacing(folder / "sensitivity.csv") as beside:
        power_scaling(run).to_csv(beside, index=False)
