"""The flow models beside other ways to the same numbers: REML, and blocks fitted one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bayes_rootc.data.inputs import Inputs
from bayes_rootc.data.joint_world import simulate_inputs
from bayes_rootc.data.site_table import place_id
from bayes_rootc.data.source import find_source
from bayes_rootc.inference.fit import Fit, fit_model
from bayes_rootc.layers import BIOMES
from bayes_rootc.spec.load import dump_spec, load_spec, parse_spec
from bayes_rootc.spec.locate import find_model

NO_COMPONENTS: dict[str, Any] = {"climate": [], "soil": [], "topography": [], "log": []}
CHAINS = {"chains": 2, "tune": 500, "draws": 1000, "keep_draws": 100}


def reml(inputs: Inputs) -> tuple[pd.Series, pd.Series, dict[str, tuple[float, float]]]:
    """Biome means of ln BNPP with their standard errors, and the spreads of sites and records.

    Every site (biome at a place) has a random intercept; a spread comes with its standard error.
    """
    import statsmodels.formula.api as smf

    table = inputs.tables["npp"].table
    frame = pd.DataFrame(
        {
            "y": np.log(table["bnpp"].to_numpy(float)),
            "biome": [BIOMES[int(number)].key for number in table["biome"]],
            "place": [
                place_id(lat, lon) for lat, lon in zip(table["lat"], table["lon"], strict=True)
            ],
        }
    ).dropna()
    frame["group"] = frame["place"] + frame["biome"]
    found = smf.mixedlm("y ~ 0 + biome", frame, groups="group").fit(reml=True)
    between, within = float(found.cov_re.iloc[0, 0]), float(found.scale)
    mean, error = found.fe_params, found.bse_fe
    names = [name.removeprefix("biome[").removesuffix("]") for name in mean.index]
    n = frame["group"].value_counts()
    # Errors of the spreads of a balanced layout of as many sites and records.
    records, sites = len(frame), len(n)
    of_within = np.sqrt(within / (2.0 * (records - sites)))
    effective = between + within / float(n.mean())
    of_between = effective / np.sqrt(2.0 * (sites - len(names))) / np.sqrt(between)
    spreads = {
        "sigma_place_bnpp": (float(np.sqrt(between)), float(of_between)),
        "tau_bnpp": (float(np.sqrt(within)), float(of_within)),
    }
    return pd.Series(mean.to_numpy(), names), pd.Series(error.to_numpy(), names), spreads


@pytest.mark.slow
def test_bnpp_agrees_with_reml_on_the_real_data(data_folder: Path, tmp_path: Path) -> None:
    """Without components and with priors that say next to nothing, REML is the answer."""
    content = dump_spec(load_spec(find_model("bnpp")))
    content["covariates"] |= NO_COMPONENTS
    content["sampler"] |= CHAINS
    content["priors"]["alpha"]["sd"] = 5.0
    content["priors"]["sigma_biome"] |= {"median": 10.0, "sigma": 0.1}
    spec = parse_spec(content)
    inputs = find_source(spec, data_folder).inputs
    posterior = fit_model(spec, inputs, tmp_path / "bnpp").run["posterior"]
    mean, error, spreads = reml(inputs)
    effects = posterior["a_bnpp"].mean(("chain", "draw")).to_series()
    print()
    for key in mean.index:
        sd = float(posterior["a_bnpp"].sel(biome=key).std())
        print(f"{key}: {mean[key]:.3f} ± {error[key]:.3f}, {effects[key]:.3f} ± {sd:.3f}")
        assert abs(effects[key] - mean[key]) < 0.3 * error[key], key
        # REML takes the spreads as known, and so is a little surer.
        assert 0.8 < sd / error[key] < 1.4, key
    for name, (value, uncertainty) in spreads.items():
        here = float(posterior[name].mean())
        print(f"{name}: {value:.3f} ± {uncertainty:.3f}, {here:.3f}")
        assert abs(here - value) < uncertainty, name


WAYS = ("alone", "joint")

BLOCKS = ("turnover", "bnpp", "f_bnpp", "roots")
"""Those that have no parameter in common; the stock block's kappa ties it to turnover."""


def joint_spec(*blocks: str) -> Any:
    content = dump_spec(load_spec(find_model("joint")))
    content["blocks"] = [block for block in content["blocks"] if block["model"] in blocks]
    content["covariance"]["shared"] = False
    content["sampler"] |= CHAINS
    return parse_spec(content)


def summary_of(fit: Fit) -> pd.DataFrame:
    return pd.read_csv(fit.folder / "summary.csv", index_col="parameter")


@pytest.mark.slow
def test_blocks_that_share_nothing_agree_with_blocks_alone(tmp_path: Path) -> None:
    """Two ways through the sampler to one posterior: means differ by Monte Carlo error alone."""
    inputs = simulate_inputs(joint_spec(*BLOCKS, "stock"), 400, seed=9)
    joint = summary_of(fit_model(joint_spec(*BLOCKS), inputs, tmp_path / "joint"))
    seen: set[str] = set()
    for block in BLOCKS:
        alone = summary_of(fit_model(joint_spec(block), inputs, tmp_path / block))
        both = alone.add_suffix("_alone").join(joint.add_suffix("_joint"), how="inner")
        own = [name for name in both.index if not name.startswith("i_")]
        for name in own:
            row = both.loc[name]
            error = np.hypot(*(row[f"sd_{w}"] / np.sqrt(row[f"ess_bulk_{w}"]) for w in WAYS))
            assert abs(row["mean_alone"] - row["mean_joint"]) < 4.0 * error, name
        seen |= set(own)
    assert seen == {name for name in joint.index if not name.startswith("i_")}
