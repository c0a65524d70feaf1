"""The numbers of a report's first screen, made anew from the stored file with plain NumPy.

Nothing of the package computes here: the file is read with h5py, depth is integrated in thin
slices. Residuals of what was not measured are random; they are turned off in the run, for only then
has a second computation the same answer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr

from bayes_rootc.inference.store import read_tree, write_tree
from bayes_rootc.layers import BIOME_KEYS, STANDARD_LAYERS
from bayes_rootc.report.answer import answer_table
from bayes_rootc.report.flow_tables import flows_table
from bayes_rootc.report.losses import losses
from bayes_rootc.report.tables import turnover_table
from fake_joint import REFERENCE_CM, fake_joint
from fake_run import fake_run

SPREADS = (
    "sigma_place_k", "sigma_place_rho", "sigma_place_bnpp", "sigma_place_f_bnpp",
    "sigma_profile_k", "sigma_profile_rho", "tau_k", "tau_rho",
)  # fmt: skip
ENDS = ("_q025", "_q50", "_q975")
SLICE_CM = 0.05
Arrays = dict[str, Any]


def read(path: Path) -> Arrays:
    """Every array of the file by group/name; draws of all chains first where there are draws."""
    found = {}
    with h5py.File(path) as file:
        for where, group in file.items():
            for name, data in group.items():
                values, dims = data[()], _dims(data)
                if dims[:1] == ["chain"] and len(dims) > 1:
                    values = values.reshape(-1, *values.shape[2:])
                found[f"{where}/{name}"] = values
    return found


def _dims(data: Any) -> list[str]:
    return [Path(str(dim[0].name)).name if len(dim) else "" for dim in data.dims]


@pytest.fixture(scope="module")
def joint(tmp_path_factory: pytest.TempPathFactory) -> tuple[xr.DataTree, Arrays]:
    run = fake_joint(n_profiles=12, n_npp=10, n_roots=9, draws=30, keep=12)
    quiet = {name: xr.zeros_like(run[f"posterior/{name}"]) for name in SPREADS}
    run["posterior"] = xr.DataTree(run["posterior"].to_dataset().assign(quiet))
    path = tmp_path_factory.mktemp("joint") / "fit.nc"
    write_tree(run, path)
    return read_tree(path), read(path)


@pytest.fixture(scope="module")
def turnover(tmp_path_factory: pytest.TempPathFactory) -> tuple[xr.DataTree, Arrays]:
    path = tmp_path_factory.mktemp("turnover") / "fit.nc"
    write_tree(fake_run(), path)
    return read_tree(path), read(path)


# --- the second computation ------------------------------------------------------------------


def kept(file: Arrays, name: str) -> Any:
    """Draws of a parameter that are kept for layers and sites, both chains."""
    values = file[f"posterior/{name}"]
    by_chain = values.reshape(2, -1, *values.shape[1:])[:, file["derived/draw_kept"]]
    return by_chain.reshape(-1, *values.shape[1:])


def level(file: Arrays, name: str, biome: Any, place: Any) -> Any:
    scores = file["constant_data/components"][place]
    slopes = kept(file, f"slopes_{name}")[:, biome]
    return kept(file, f"a_{name}")[:, biome] + (slopes * scores).sum(-1)


def depths() -> Any:
    """Depth slices, and the basis on which ln k and ln rho fall with depth."""
    middle = np.arange(SLICE_CM / 2, 200, SLICE_CM)
    return middle, np.log((1 + middle / 10) / (1 + REFERENCE_CM / 10))


def predicted_bulk(file: Arrays, biome: Any, place: Any) -> Any:
    basis = depths()[1]
    slope = (kept(file, "s_k") + kept(file, "s_rho"))[:, biome]
    start = level(file, "k", biome, place) + level(file, "rho", biome, place)
    return np.exp(start) * np.exp(slope[..., None] * basis).sum(-1) * SLICE_CM


def observed_bulk(file: Arrays, profile: int, biome: int) -> Any:
    middle, basis = depths()
    mine = np.flatnonzero(file["constant_data/profile_index"] == profile)
    top, bottom = (file[f"constant_data/{end}_cm"][mine, None] for end in ("top", "bottom"))
    inside = (top < middle) & (middle < bottom)
    flow = (file["derived/k"][:, mine] * file["derived/rho"][:, mine].astype(float)) @ inside
    slope = (kept(file, "s_k") + kept(file, "s_rho"))[:, biome, None]
    own = (kept(file, "eta") + file["derived/eta_rho"])[:, profile, None]
    density = np.where(
        inside.any(0), flow / np.maximum(inside.sum(0), 1), np.exp(own + slope * basis)
    )
    return density.sum(-1) * SLICE_CM


def sites(file: Arrays, prefix: str) -> tuple[Any, Any]:
    return tuple(file[f"constant_data/{prefix}_{name}_index"] for name in ("biome", "place"))


def six_estimates(file: Arrays) -> list[tuple[Any, Any]]:
    """I_root and I_bulk over 0-200 cm at the sites of each estimate, draws first."""
    npp = file["constant_data/gridded_npp"]
    biome, place = sites(file, "npp_site")
    bulk = predicted_bulk(file, biome, place)
    found = [(file["derived/bnpp"], bulk), (npp[place] * file["derived/f_bnpp"], bulk)]
    for prefix in ("profile", "root"):
        biome, place = sites(file, prefix)
        if prefix == "profile":
            each = [observed_bulk(file, p, b) for p, b in enumerate(biome)]
            bulk = np.stack(each, axis=1)
        else:
            bulk = predicted_bulk(file, biome, place)
        share = 1 / (1 + np.exp(-level(file, "f_bnpp", biome, place)))
        found += [(np.exp(level(file, "bnpp", biome, place)), bulk), (npp[place] * share, bulk)]
    return found


def answers(file: Arrays, over_sites: Any) -> Arrays:
    """Mean of six in every draw, and the ratios of it."""
    parts: dict[str, list[Any]] = {"i_root": [], "i_bulk": [], "i_loss": []}
    for root, bulk in six_estimates(file):
        known = np.isfinite(root).all(0)
        for name, value in (("i_root", root), ("i_bulk", bulk), ("i_loss", root - bulk)):
            parts[name].append(over_sites(value[:, known], axis=1))
    found = {name: np.mean(values, axis=0) for name, values in parts.items()}
    found["loss_share"] = found["i_loss"] / found["i_root"]
    found["turnover_bias"] = found["i_root"] / found["i_bulk"]
    return found


# --- the report's ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "over_sites"), [("mean", np.mean), ("typical", np.median)], ids=["mean", "typical"]
)
def test_the_answer_is_that_of_the_stored_file(
    joint: tuple[xr.DataTree, Arrays], column: str, over_sites: Any
) -> None:
    run, file = joint
    table = answer_table(run).set_index("quantity")
    for name, draws in answers(file, over_sites).items():
        row = table.loc[name, [column, f"{column}_q025", f"{column}_q975"]]
        expected = np.quantile(draws, (0.5, 0.025, 0.975))
        np.testing.assert_allclose(row.to_numpy(float), expected, rtol=2e-5, err_msg=name)


@pytest.mark.parametrize("number", range(1, 7))
def test_each_estimate_is_that_of_the_stored_file(
    joint: tuple[xr.DataTree, Arrays], number: int
) -> None:
    run, file = joint
    root, bulk = six_estimates(file)[number - 1]
    known = np.isfinite(root).all(0)
    table = losses(run).set_index(["estimate", "biome", "layer_cm", "statistic"])
    row = table.loc[(str(number), "all", "0-200", "mean over sites")]
    assert row["n_sites"] == known.sum()
    loss = (root - bulk)[:, known]
    found = {"i_root": root[:, known].mean(1), "i_bulk": bulk[:, known].mean(1)}
    found |= {"i_loss": loss.mean(1), "p_loss_negative": (loss < 0).mean(1)}
    for name, draws in found.items():
        ends = row[[name + end for end in ENDS]].to_numpy(float)
        expected = np.quantile(draws, (0.025, 0.5, 0.975))
        np.testing.assert_allclose(ends, expected, rtol=2e-5, err_msg=name)


@pytest.mark.parametrize("average", ["mean", "typical"])
def test_share_lost_by_biome_and_over_the_profile(
    joint: tuple[xr.DataTree, Arrays], average: str
) -> None:
    run, file = joint
    table = flows_table(run).set_index("biome_key")
    for b, biome in enumerate(BIOME_KEYS):
        # From the layers, not from the totals that the table reads.
        root, bulk = (file[f"derived/i_{f}_{average}"][:, b].sum(-1) for f in ("root", "bulk"))
        found = {"i_root": root, "i_bulk": bulk, "i_loss": root - bulk}
        found |= {"loss_share": 1 - bulk / root, "turnover_bias": root / bulk}
        for name, draws in found.items():
            ends = table.loc[biome, [f"{name}_{average}{end}" for end in ("_q025", "", "_q975")]]
            expected = np.quantile(draws, (0.025, 0.5, 0.975))
            np.testing.assert_allclose(ends.to_numpy(float), expected, rtol=1e-6, err_msg=name)
        assert table.loc[biome, f"p_loss_negative_{average}"] == np.mean(root < bulk)


def test_turnover_time_by_biome_and_layer(turnover: tuple[xr.DataTree, Arrays]) -> None:
    run, file = turnover
    table = turnover_table(run).set_index(["biome_key", "standard_layer_cm"])
    middle = (file["constant_data/top_cm"] + file["constant_data/bottom_cm"]) / 2
    profile = file["constant_data/profile_index"]
    for b, biome in enumerate(BIOME_KEYS):
        for z, layer in enumerate(STANDARD_LAYERS):
            low, high = map(float, layer.split("-"))
            inside = (middle >= low) & (middle < high) & (file["constant_data/biome_index"] == b)
            row = table.loc[(biome, layer)]
            assert row["n_layers"] == inside.sum()
            assert row["n_profiles"] == len(set(profile[inside].tolist()))
            for name in ("c_age_typical", "c_age_mean", "k_typical", "k_mean"):
                draws = file[f"derived/{name}"][:, b, z]
                expected = np.quantile(draws, (0.025, 0.5, 0.975))
                ends = row[[f"{name}{end}" for end in ("_q025", "", "_q975")]].to_numpy(float)
                np.testing.assert_allclose(ends, expected, rtol=1e-12)
