"""Small runs whose reports have something to say in every table, to trace tables back to them."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pandas as pd
import xarray as xr

from bayes_rootc.report.sensitivity import FILES
from fake_joint import fake_joint
from fake_run import fake_run


@cache
def stored(kind: str) -> xr.DataTree:
    """Return a small run of which every table that lists an attribute has something to say."""
    if kind == "turnover":
        run = fake_run(n_profiles=20, chains=2, draws=6, keep=4, simulated=True)
    else:
        run = fake_joint(n_profiles=12, n_npp=6, n_roots=8, draws=6, keep=4, simulated=True)
        run.attrs["truth"] = json.dumps({"kappa": -0.2, "a_k": {"tundra": -6.0}})
        data = run["derived"].to_dataset()
        modes = np.where(np.arange(data.sizes["layer"]) % 3, 2, 1)
        mass = np.stack([np.linspace(0.5, 0.9, len(modes)), np.linspace(0.5, 0.1, len(modes))], 1)
        data = data.assign(
            n_modes=("layer", modes),
            mode_mass=(("layer", "mode"), mass),
            mode_c_age=(("layer", "mode"), np.stack([mass[:, 0] * 1000, mass[:, 1] * 100], 1)),
        )
        run["derived"] = xr.DataTree(data)
        # Two biomes have all the sites, so that tables by biome are small.
        constant = run["constant_data"].to_dataset()
        for prefix in ("", "profile_", "npp_site_", "root_"):
            constant[f"{prefix}biome_index"] = constant[f"{prefix}biome_index"] % 2
        run["constant_data"] = xr.DataTree(constant)
    strange = {"row": 7, "profile": "p", "delta14c": 800.0, "sample_year": 1999, "why": "bomb"}
    run.attrs["implausible"] = json.dumps([strange])
    for name in FILES:
        frame = pd.DataFrame({"quantity": ["kappa", "tau_k"], "prior": [0.01, 0.2]})
        run[name] = xr.DataTree(xr.Dataset.from_dataframe(frame.rename_axis("line")))
    return run
