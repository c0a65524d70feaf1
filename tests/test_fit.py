"""A real fit of a small simulated world: what is stored, and that it can be trusted and refused."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayes_rootc.data.world import simulate_world
from bayes_rootc.errors import RunError, WriteError
from bayes_rootc.inference import store
from bayes_rootc.inference.fit import Fit, fit_model, is_current, open_run
from bayes_rootc.inference.gate import POPULATION, judge, population, summarise
from bayes_rootc.inference.store import load_run, read_tree, write_tree
from bayes_rootc.layers import BIOME_KEYS, STANDARD_LAYERS
from bayes_rootc.spec.load import spec_hash
from bayes_rootc.spec.turnover import TurnoverSpec
from bayes_rootc.variables import VARIABLES

GROUPS = {
    "prior", "prior_predictive", "posterior", "posterior_predictive", "log_likelihood",
    "sample_stats", "observed_data", "constant_data", "derived",
}  # fmt: skip


def test_run_holds_all_groups_with_units(small_fit: Fit) -> None:
    run = load_run(small_fit.folder)[0]
    assert set(run.children) == GROUPS
    for node in run.children.values():
        for name, array in node.data_vars.items():
            assert array.attrs["units"] == VARIABLES[str(name)].units
            assert array.attrs["long_name"] == VARIABLES[str(name)].long_name
    assert tuple(run["derived"]["biome"].values) == BIOME_KEYS
    assert tuple(run["derived"]["standard_layer"].values) == STANDARD_LAYERS


def test_what_is_loaded_is_what_was_fitted(small_fit: Fit) -> None:
    loaded = load_run(small_fit.folder)[0]
    for name in ("alpha", "eta_profile"):
        xr.testing.assert_identical(
            loaded["posterior"][name].drop_attrs(), small_fit.run["posterior"][name].drop_attrs()
        )


def test_birth_certificate(small_fit: Fit, short_spec: TurnoverSpec) -> None:
    attributes = load_run(small_fit.folder)[0].attrs
    certificate = json.loads((small_fit.folder / "run.json").read_text())
    assert attributes["spec_hash"] == certificate["spec_hash"] == spec_hash(short_spec)
    assert attributes["seed"] == short_spec.sampler.seed
    assert (attributes["status"], attributes["source"]) == ("complete", "simulated")
    assert json.loads(attributes["truth"])["alpha"] == -6.5
    assert {"fit.nc", "summary.csv", "diagnostics.json", "run.json", "layers.csv"} == {
        path.name for path in small_fit.folder.iterdir()
    }


def test_posterior_finds_the_truth_of_the_small_world(small_fit: Fit) -> None:
    summary = pd.read_csv(small_fit.folder / "summary.csv", index_col="parameter")
    truth = json.loads(small_fit.run.attrs["truth"])
    for name in ("alpha", "beta", "sigma_profile", "tau"):
        row = summary.loc[name]
        assert abs(truth[name] - row["mean"]) < 4 * row["sd"], name


def test_layers_k_follow_from_their_means_and_masses(small_fit: Fit) -> None:
    derived = small_fit.run["derived"]
    np.testing.assert_allclose(derived["c_age"], 1 / derived["k"], rtol=1e-5)
    assert derived["n_modes"].min() >= 1
    mass = derived["mode_mass"].sum("mode")
    assert ((mass > 0.95) & (mass < 1.001)).all()


def test_typical_site_is_younger_than_the_mean_over_sites(small_fit: Fit) -> None:
    derived = small_fit.run["derived"]
    assert (derived["c_age_mean"] > derived["c_age_typical"]).all()
    np.testing.assert_allclose(derived["k_typical"] * derived["c_age_typical"], 1.0, rtol=1e-5)


def test_same_seed_same_numbers(small_fit: Fit, short_spec: TurnoverSpec, tmp_path: Path) -> None:
    again = fit_model(short_spec, simulate_world(short_spec, 60, seed=5), tmp_path / "again")
    for group, name in (
        ("posterior", "tau"),
        ("derived", "k"),
        ("posterior_predictive", "delta14c"),
    ):
        np.testing.assert_array_equal(
            again.run[group][name].values, small_fit.run[group][name].values
        )


def test_current_run_is_recognised(small_fit: Fit, short_spec: TurnoverSpec) -> None:
    world = simulate_world(short_spec, 60, seed=5)
    assert is_current(small_fit.folder, short_spec, world)
    assert not is_current(small_fit.folder, short_spec, simulate_world(short_spec, 60, seed=6))
    assert not is_current(small_fit.folder / "nothing", short_spec, world)


def test_run_that_is_there_is_not_replaced_unasked(
    small_fit: Fit, short_spec: TurnoverSpec
) -> None:
    world = simulate_world(short_spec, 60, seed=6)
    with pytest.raises(RunError, match="holds a run already; choose another name"):
        fit_model(short_spec, world, small_fit.folder)


def test_folder_with_other_files_is_left_alone(short_spec: TurnoverSpec, tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("chapter 1")
    with pytest.raises(RunError, match="holds other files"):
        fit_model(short_spec, simulate_world(short_spec, 60), tmp_path, overwrite=True)


def test_stale_run_is_refused_unless_allowed(small_fit: Fit, short_spec: TurnoverSpec) -> None:
    other = short_spec.model_copy(
        update={"data": short_spec.data.model_copy(update={"keep_peat": True})}
    )
    with pytest.raises(RunError, match="was fitted to another spec"):
        load_run(small_fit.folder, spec=other)
    with pytest.raises(RunError, match="was fitted to another data"):
        load_run(small_fit.folder, data_hash="0" * 64)
    assert load_run(small_fit.folder, spec=other, allow_stale=True)[0].attrs["status"] == "complete"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "is not a run: it is a folder that `fit` made"),
        ({"run.json": "{oops"}, "run.json: cannot be read"),
        ({"run.json": "[1]"}, "not the certificate of a run"),
    ],
)
def test_what_is_no_run_is_refused(tmp_path: Path, files: dict[str, str], message: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(RunError, match=message):
        open_run(tmp_path)


def test_missing_run_and_unreadable_netcdf(small_fit: Fit, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such run; a run is a folder"):
        open_run(tmp_path / "nowhere")
    broken = tmp_path / "broken"
    broken.mkdir()
    for name in ("run.json", "diagnostics.json"):
        (broken / name).write_bytes((small_fit.folder / name).read_bytes())
    with pytest.raises(RunError, match=r"fit\.nc: no such file"):
        open_run(broken)
    (broken / "fit.nc").write_bytes(b"CDF but not really")
    with pytest.raises(RunError, match=r"fit\.nc: not a readable netCDF file"):
        open_run(broken)


def test_full_disk_leaves_nothing_half_written(
    small_fit: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: xr.DataTree, path: Path, **_: Any) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(xr.DataTree, "to_netcdf", full)
    with pytest.raises(WriteError, match=r"fit\.nc: cannot be written: No space left on device"):
        write_tree(small_fit.run, tmp_path / "fit.nc")
    assert list(tmp_path.iterdir()) == []


def test_full_disk_keeps_the_older_file(small_fit: Fit, tmp_path: Path) -> None:
    target = tmp_path / "fit.nc"
    write_tree(small_fit.run, target)
    before = target.read_bytes()
    with pytest.raises(WriteError), store.replacing(target) as beside:
        beside.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert target.read_bytes() == before
    assert read_tree(target).attrs == small_fit.run.attrs


def test_gate_names_the_worst_parameter(small_fit: Fit, short_spec: TurnoverSpec) -> None:
    posterior = small_fit.run["posterior"].to_dataset().copy(deep=True)
    posterior["beta"][0] += 5.0
    summary = summarise(population(posterior))
    verdict = judge(posterior, small_fit.run["sample_stats"].to_dataset(), short_spec.gate, summary)
    assert not verdict.passed
    assert "largest R-hat" in verdict.verdict
    assert "(beta)" in verdict.verdict
    assert {name.split("[")[0] for name in summary.index} == set(POPULATION) - {
        "shape",
        "shape_slope",
    }


def test_gate_does_not_pass_what_it_cannot_compute(
    small_fit: Fit, short_spec: TurnoverSpec
) -> None:
    few = small_fit.run["posterior"].to_dataset().isel(draw=slice(0, 3))
    statistics = small_fit.run["sample_stats"].to_dataset().isel(draw=slice(0, 3))
    assert not judge(few, statistics, short_spec.gate, summarise(population(few))).passed
