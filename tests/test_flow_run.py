"""A real fit of a small joint world: what is stored, what follows from it, what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayes_rootc.cli import stored_run
from bayes_rootc.cli.main import main
from bayes_rootc.data.inputs import Inputs
from bayes_rootc.data.joint_world import simulate_inputs
from bayes_rootc.data.prior_means import add_prior_means
from bayes_rootc.errors import DataError, RunError
from bayes_rootc.inference import learned_folder, sensitivity
from bayes_rootc.inference.fit import Fit, fit_model, is_current, open_run
from bayes_rootc.inference.learned_folder import open_learned, open_learner
from bayes_rootc.inference.run_folder import RunFolder, read_certificate, read_inputs
from bayes_rootc.inference.store import load_run
from bayes_rootc.layers import BIOME_KEYS, STANDARD_LAYERS
from bayes_rootc.report import write
from bayes_rootc.report.figures import style
from bayes_rootc.report.figures.flow_catalogue import LOSS_FIGURES
from bayes_rootc.report.learning_report import FIGURES as LEARNING_FIGURES
from bayes_rootc.report.loss_columns import LOSS_TABLES
from bayes_rootc.spec.learning import TARGETS
from bayes_rootc.spec.load import dump_spec, load_spec, parse_spec, spec_hash
from bayes_rootc.spec.locate import find_model
from bayes_rootc.variables import EFFECTS, VARIABLES

Capture = pytest.CaptureFixture[str]

GROUPS = {
    "prior", "posterior", "posterior_predictive", "log_likelihood", "log_prior", "sample_stats",
    "observed_data", "constant_data", "derived",
}  # fmt: skip


SHORT = {
    "chains = 4": "chains = 2",
    "tune = 1000": "tune = 100",
    "draws = 1000": "draws = 60",
    "keep_draws = 1000": "keep_draws = 40",
    "r_hat_max = 1.01": "r_hat_max = 10.0",
    "ess_min = 400.0": "ess_min = 1.0",
    "divergences_max = 0": "divergences_max = 120",
}


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the joint model with a sampler that is only just long enough for these tests."""
    text = find_model("joint").read_text(encoding="utf-8")
    for line, other in SHORT.items():
        assert f"\n{line}\n" in text
        text = text.replace(f"\n{line}\n", f"\n{other}\n")
    path = tmp_path_factory.mktemp("models") / "short.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def spec(model_file: Path) -> Any:
    return load_spec(model_file)


@pytest.fixture(scope="module")
def world(spec: Any) -> Inputs:
    return simulate_inputs(spec, 60, seed=6)


@pytest.fixture(scope="module")
def small_joint_fit(spec: Any, world: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Fit:
    """Return one real fit, made once."""
    return fit_model(spec, world, tmp_path_factory.mktemp("runs") / "joint")


@pytest.fixture(scope="module")
def stored(small_joint_fit: Fit) -> xr.DataTree:
    """Return the run as it is read back."""
    return load_run(small_joint_fit.folder)[0]


def test_run_holds_all_groups_with_units(stored: xr.DataTree) -> None:
    assert set(stored.children) == GROUPS
    for group, node in stored.children.items():
        assert len(node.data_vars) > 0, group
        for name, array in node.data_vars.items():
            assert array.attrs["units"] == VARIABLES[str(name)].units, (group, name)
            assert array.attrs["long_name"] == VARIABLES[str(name)].long_name, (group, name)
    derived, posterior = stored["derived"], stored["posterior"]
    assert tuple(derived["biome"].values) == BIOME_KEYS
    assert tuple(derived["standard_layer"].values) == STANDARD_LAYERS
    assert tuple(posterior["effect"].values) == EFFECTS
    assert posterior["tau_k"].shape == (2, 60)
    assert derived["rho"].dims == ("chain", "draw_kept", "layer")
    # The sampler's own variables are not stored.
    assert not {name for name in posterior.data_vars if "multiple" in str(name)}


def test_losses_are_input_less_uptake_in_every_draw(stored: xr.DataTree) -> None:
    derived = stored["derived"]
    for average in ("mean", "typical"):
        root, bulk, loss = (derived[f"i_{name}_{average}"] for name in ("root", "bulk", "loss"))
        scale = float(np.abs(bulk).max())
        np.testing.assert_allclose(loss, root - bulk, rtol=1e-5, atol=1e-6 * scale)
        assert (root > 0.0).all() and (bulk > 0.0).all()
        for name in ("root", "bulk", "loss"):
            total = derived[f"i_{name}_total_{average}"]
            layers = derived[f"i_{name}_{average}"].sum("standard_layer")
            np.testing.assert_allclose(total, layers, rtol=1e-4, atol=1e-5 * scale)
        share = derived[f"i_loss_total_{average}"] / derived[f"i_root_total_{average}"]
        np.testing.assert_allclose(derived[f"loss_share_{average}"], share, rtol=1e-4, atol=1e-4)


def test_correlations_are_correlation_matrices(stored: xr.DataTree) -> None:
    matrix = stored["posterior"]["biome_correlation"].to_numpy()
    np.testing.assert_allclose(np.diagonal(matrix, axis1=2, axis2=3), 1.0)
    np.testing.assert_array_equal(matrix, matrix.swapaxes(2, 3))
    assert np.linalg.eigvalsh(matrix).min() > 0.0


def test_measured_densities_are_themselves(small_joint_fit: Fit, world: Inputs) -> None:
    rho = small_joint_fit.run["derived"]["rho"].to_numpy()
    layers = world.tables["layers"].table
    measured = (layers["pct_c"] * layers["bulk_density"]).to_numpy(float)
    known = np.isfinite(measured)
    assert 0 < known.sum() < len(known)
    assert (np.abs(rho[..., known] / measured[known] - 1.0) < 1e-5).all()
    assert (rho[..., ~known].std(axis=(0, 1)) > 0.0).all()


def test_birth_certificate_and_files(
    small_joint_fit: Fit, stored: xr.DataTree, spec: Any, world: Inputs
) -> None:
    certificate = json.loads((small_joint_fit.folder / "run.json").read_text(encoding="utf-8"))
    assert stored.attrs["spec_hash"] == certificate["spec_hash"] == spec_hash(spec)
    assert stored.attrs["data_hash"] == certificate["data_hash"] == world.data_hash
    assert (stored.attrs["status"], stored.attrs["source"]) == ("complete", "simulated")
    assert stored.attrs["model"] == "joint"
    assert {path.name for path in small_joint_fit.folder.iterdir()} == {
        "fit.nc", "summary.csv", "diagnostics.json", "run.json", "sensitivity.csv",
        "layers.csv", "npp.csv", "roots.csv", "places.csv",
    }  # fmt: skip


def test_fit_prints_the_answer_and_writes_a_report(
    small_joint_fit: Fit, model_file: Path, tmp_path: Path, capsys: Capture
) -> None:
    command = [
        "fit", str(model_file), "--simulated", "60", "--world-seed", "6", "--name", "joint",
        "--runs", str(small_joint_fit.folder.parent), "--reports", str(tmp_path),
    ]  # fmt: skip
    assert main(command) == 0
    output = capsys.readouterr().out
    assert "holds just this fit already" in output
    assert "Population parameters (SIMULATED)" in output
    assert "sigma_place_bnpp" in output
    assert "gamma_bnpp" not in output.replace("sigma_gamma_bnpp", "")
    assert "weights of covariates, which the report lists" in output
    [line] = [line for line in output.splitlines() if line.startswith("I_loss / I_root")]
    assert "77.9 % (65.3 % to 90.9 %)" in line
    assert (tmp_path / "joint" / "report.html").is_file()


def test_summary_has_what_the_gate_looks_at(small_joint_fit: Fit) -> None:
    summary = pd.read_csv(small_joint_fit.folder / "summary.csv", index_col="parameter")
    posterior = small_joint_fit.run["posterior"]
    for name in ("alpha_k", "tau_rho", "kappa", "ratio_d50"):
        assert summary.loc[name, "mean"] == pytest.approx(float(posterior[name].mean()), rel=1e-6)
    assert "i_loss_total_mean[tundra]" in summary.index
    assert "biome_correlation[k, rho]" in summary.index
    assert "biome_correlation[k, k]" not in summary.index
    assert summary["r_hat"].notna().all()


def test_power_scaling_is_written_with_the_fit(small_joint_fit: Fit) -> None:
    table = pd.read_csv(small_joint_fit.folder / "sensitivity.csv")
    assert list(table.columns) == ["quantity", "prior", "likelihood", "likelihood_noise", "what"]
    assert {"alpha_k", "kappa", "i_loss_total_mean[tundra]"} <= set(table["quantity"])
    assert (table[["prior", "likelihood"]] >= 0.0).all(axis=None)


def test_log_prior_of_the_correlation_is_that_of_lkj(stored: xr.DataTree, spec: Any) -> None:
    """Of two draws: the ratio of det(R)^(eta - 1)."""
    eta = spec.covariance.lkj_eta
    matrix = stored["posterior"]["biome_correlation"].isel(chain=0, draw=[0, 7]).to_numpy()
    found = stored["log_prior"]["biome_correlation"].isel(chain=0, draw=[0, 7]).to_numpy()
    ratio = (np.linalg.det(matrix[1]) / np.linalg.det(matrix[0])) ** (eta - 1.0)
    assert np.exp(found[1] - found[0]) == pytest.approx(ratio)


def test_settings_are_compared_and_kept(
    small_joint_fit: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every setting is fitted once, from its own specification; a second call fits nothing."""
    run = tmp_path / "joint"
    shutil.copytree(small_joint_fit.folder, run)
    fitted = {}

    def fit_instead(changed: Any, inputs: Inputs, folder: Path, **_: Any) -> Fit:
        turnover = next(block for block in changed.blocks if block.model == "turnover")
        fitted[folder.name] = turnover.atmosphere
        shutil.copytree(small_joint_fit.folder, folder)
        return open_run(folder)

    monkeypatch.setattr(sensitivity, "fit_model", fit_instead)
    table = sensitivity.compare_settings(run)
    assert {name: (one.initial, one.lag) for name, one in fitted.items()} == {
        "calibrated": ("calibrated", 0.0), "lag_5": ("constant", 5.0), "lag_10": ("constant", 10.0),
    }  # fmt: skip
    assert table["setting"].nunique() == 4
    assert len(table) == 4 * len(BIOME_KEYS)
    flow = small_joint_fit.run["derived"]["i_loss_total_mean"].sel(biome="tundra")
    as_fitted = table[(table["setting"] == "as fitted") & (table["biome"] == "tundra")].iloc[0]
    assert as_fitted["i_loss_total_mean"] == pytest.approx(float(flow.median()), rel=1e-6)
    assert (table["loss_share_mean_q025"] <= table["loss_share_mean_q975"]).all()
    pd.testing.assert_frame_equal(pd.read_csv(run / "settings.csv"), table)

    fitted.clear()
    monkeypatch.setattr(sensitivity, "is_current", lambda *_: True)
    sensitivity.compare_settings(run)
    assert fitted == {}


def test_current_run_is_recognised(small_joint_fit: Fit, spec: Any, world: Inputs) -> None:
    assert is_current(small_joint_fit.folder, spec, world)
    assert not is_current(small_joint_fit.folder, spec, simulate_inputs(spec, 60, seed=7))
    assert not is_current(small_joint_fit.folder, other_spec(spec), world)
    assert not is_current(small_joint_fit.folder / "nothing", spec, world)


def other_spec(spec: Any) -> Any:
    content = dump_spec(spec)
    content["covariance"]["lkj_eta"] = 3.0
    return parse_spec(content)


def test_run_of_another_model_is_refused(small_joint_fit: Fit, spec: Any) -> None:
    with pytest.raises(RunError, match="was fitted to another spec"):
        load_run(small_joint_fit.folder, spec=other_spec(spec))
    with pytest.raises(RunError, match="was fitted to another data"):
        load_run(small_joint_fit.folder, data_hash="0" * 64)


def test_inputs_of_a_run_are_read_back(small_joint_fit: Fit, spec: Any, world: Inputs) -> None:
    folder = RunFolder(small_joint_fit.folder)
    again, inputs = read_inputs(folder, read_certificate(folder))
    assert spec_hash(again) == spec_hash(spec)
    assert inputs.data_hash == world.data_hash
    for name, table in world.tables.items():
        pd.testing.assert_frame_equal(inputs.tables[name].table, table.table, check_dtype=False)


@pytest.mark.parametrize(("table", "column"), [("npp", "bnpp"), ("roots", "d50_cm")])
def test_tampered_table_is_refused(
    small_joint_fit: Fit, tmp_path: Path, table: str, column: str
) -> None:
    folder = RunFolder(tmp_path / "run")
    shutil.copytree(small_joint_fit.folder, folder.path)
    frame = pd.read_csv(folder.table(table))
    frame.loc[3, column] *= 2.0
    frame.to_csv(folder.table(table), index=False)
    with pytest.raises(RunError, match=f"{table}.csv: differs from the {table} that were fitted"):
        read_inputs(folder, read_certificate(folder))


def test_tampered_places_are_refused(small_joint_fit: Fit, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    shutil.copytree(small_joint_fit.folder, folder.path)
    places = pd.read_csv(folder.table("places"))
    places.loc[0, "bio01"] += 1.0
    places.to_csv(folder.table("places"), index=False)
    with pytest.raises(RunError, match="its tables differ from those that were fitted"):
        read_inputs(folder, read_certificate(folder))


def test_fit_that_was_stopped_says_so(small_joint_fit: Fit, tmp_path: Path) -> None:
    """A run whose draws are gone cannot be finished, and nothing pretends otherwise."""
    folder = RunFolder(tmp_path / "run")
    shutil.copytree(small_joint_fit.folder, folder.path)
    certificate = read_certificate(folder) | {"status": "sampling"}
    folder.certificate.write_text(json.dumps(certificate), encoding="utf-8")
    with pytest.raises(RunError, match="was stopped before it finished"):
        load_run(folder.path)
    with pytest.raises(Exception, match="draws"):
        open_run(folder.path)


@pytest.fixture
def loaded(stored: xr.DataTree, small_joint_fit: Fit, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Hand the run to the verbs as it was read once: reading hundreds of variables is slow."""
    monkeypatch.setattr(stored_run, "load", lambda _: (stored, small_joint_fit.diagnostics))
    monkeypatch.setattr(style, "DPI", 40)
    return small_joint_fit.folder


def test_losses_of_the_run_are_written(
    loaded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(write, "LOSS_FIGURES", {})
    assert main(["loss", str(loaded), "--output", str(tmp_path)]) == 0
    assert "SIMULATED WORLD" in capsys.readouterr().out
    for name in LOSS_TABLES:
        assert len(pd.read_csv(tmp_path / "tables" / f"{name}.csv")) > 0


@pytest.mark.slow
def test_report_and_figures_of_the_run_are_written(loaded: Path, tmp_path: Path) -> None:
    assert main(["loss", str(loaded), "--output", str(tmp_path / "loss")]) == 0
    for name in LOSS_FIGURES:
        assert (tmp_path / "loss" / "figures" / f"{name}.png").stat().st_size > 5_000
    assert main(["report", str(loaded), "--output", str(tmp_path / "report")]) == 0
    assert {".html", ".md"} <= {path.suffix for path in (tmp_path / "report").iterdir()}


# --- learning from the run ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def learned(small_joint_fit: Fit, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a learning run of two fast learners."""
    runs = tmp_path_factory.mktemp("learning")
    model = runs / "learning.toml"
    model.write_text(
        'schema = 1\nmodel = "learning"\nlearners = ["svm", "mars"]\nseed = 4\n'
        "[validation]\nn_folds = 3\ninner_folds = 2\n",
        encoding="utf-8",
    )
    words = ["learn", str(model), "--run", str(small_joint_fit.folder), "--runs", str(runs)]
    assert main([*words, "--jobs", "1"]) == 0
    assert main(words) == 2  # it exists
    return runs / "learning"


def test_learning_run_holds_its_tables(learned: Path, world: Inputs, capsys: Capture) -> None:
    found = open_learned(learned)
    assert found.info["data_hash"] == world.data_hash
    assert found.info["source"] == "simulated"
    scores, rows = found.tables["scores"], found.tables["predictions"]
    assert set(scores["target"]) == set(TARGETS)
    assert set(scores["learner"]) == {"svm", "mars", "ensemble"}
    layers = world.tables["layers"].table
    of_k = rows[(rows["target"] == "ln_k") & (rows["rule"] == "grouped")]
    assert len(of_k) == len(layers)
    assert of_k[["svm", "mars", "ensemble"]].notna().all(axis=None)
    assert main(["learn", "show", str(learned)]) == 0
    assert "SIMULATED" in capsys.readouterr().out


def test_targets_are_posterior_medians_of_the_run(learned: Path, stored: xr.DataTree) -> None:
    rows = open_learned(learned).tables["predictions"]
    of_k = rows[(rows["target"] == "ln_k") & (rows["rule"] == "random")]
    k = stored["derived"]["k"].median(("chain", "draw_kept")).to_numpy()
    np.testing.assert_allclose(of_k["y"], np.log(k), atol=0.02)
    uptake = rows[(rows["target"] == "i_bulk") & (rows["rule"] == "random")]
    assert (of_k["group"].to_numpy() == uptake["group"].to_numpy()).all()


def test_prior_means_of_the_learning_run_enter_a_fit(
    learned: Path, spec: Any, world: Inputs, tmp_path: Path, capsys: Capture
) -> None:
    """From the table of predictions to a report, each prediction with its weight."""
    table = pd.read_csv(learned / "prior_means.csv")
    assert list(table["place"]) == list(world.places["place"])
    assert table.filter(like="prior_").notna().all(axis=None)
    changed = parse_spec(dump_spec(spec) | {"prior_means": {"run": str(learned)}})
    fit = fit_model(changed, add_prior_means(world, changed.prior_means), tmp_path / "means")
    names = ("k", "rho", "bnpp", "f_bnpp")
    posterior = fit.run["posterior"]
    assert list(posterior["component"].values[-4:]) == [f"prior mean {name}" for name in names]
    assert list(posterior["grid_component"].values) == list(posterior["component"].values[:-4])
    for position, name in enumerate(names, start=-4):
        weight = posterior[f"lambda_{name}"]
        assert (posterior[f"slopes_{name}"].isel(component=position) == weight).all()
        assert (posterior["slopes_d50"].isel(component=position) == 0.0).all()
    assert np.isfinite(fit.diagnostics["r_hat_max"])
    sensitivity_table = pd.read_csv(fit.folder / "sensitivity.csv")
    assert "lambda_k" in set(sensitivity_table["quantity"])
    assert sensitivity_table["prior"].notna().all()
    assert main(["report", str(fit.folder), "--output", str(tmp_path / "report")]) == 0
    # Learners would learn from themselves.
    words = ["learn", "--run", str(fit.folder), "--runs", str(tmp_path)]
    assert main(words) == 2
    assert "was fitted with prior means of" in capsys.readouterr().err


def test_a_run_of_another_kind_is_never_replaced(
    small_joint_fit: Fit, tmp_path: Path, capsys: Capture
) -> None:
    run = tmp_path / "joint"
    shutil.copytree(small_joint_fit.folder, run)
    words = ["learn", "--run", str(run), "--runs", str(tmp_path), "--name", "joint", "--overwrite"]
    assert main(words) == 2
    assert "is no learning run, so it is not replaced" in capsys.readouterr().err
    assert (run / "fit.nc").is_file()


def test_two_ways_to_standard_layers(learned: Path, world: Inputs) -> None:
    table = open_learned(learned).tables["harmonised"]
    profiles = world.tables["layers"].table["profile"].nunique()
    assert len(table) == 7 * profiles
    assert (table[["learner", "model"]] > 0.0).all(axis=None)
    logs = np.log(table[["learner", "model"]])
    assert np.corrcoef(logs.T)[0, 1] > 0.5


def test_learners_are_refitted_from_their_table_alone(
    learned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (open_learner(learned, "i_root") for _ in range(2))
    frame = pd.read_csv(learned / "table_i_root.csv", dtype={"biome": str})
    np.testing.assert_array_equal(first.predict(frame), second.predict(frame))
    with pytest.raises(DataError, match="column biome: the category 'bog' was not among"):
        first.predict(frame.assign(biome="bog"))
    with pytest.raises(RunError, match="did not learn d50; right: i_root"):
        open_learner(learned, "d50")
    changed = tmp_path / "changed"
    shutil.copytree(learned, changed)
    frame.assign(y=frame["y"] + 1.0).to_csv(changed / "table_i_root.csv", index=False)
    with pytest.raises(RunError, match="differs from the table that was learned from; learn aga"):
        open_learner(changed, "i_root")
    monkeypatch.setattr(learned_folder, "available", lambda *_: (("svm",), {"mars": "gone"}))
    with pytest.raises(RunError, match="learned by svm, mars, but here are svm; install the same"):
        open_learner(learned, "i_root")


def test_learning_run_has_a_report(learned: Path, tmp_path: Path) -> None:
    assert main(["report", str(learned), "--output", str(tmp_path)]) == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "SIMULATED WORLD" in page
    assert {path.stem for path in (tmp_path / "figures").glob("*.png")} == set(LEARNING_FIGURES)


def test_learning_of_what_is_no_joint_run_is_refused(tmp_path: Path, capsys: Capture) -> None:
    assert main(["learn", "--run", str(tmp_path / "none"), "--runs", str(tmp_path)]) == 2
    assert "none" in capsys.readouterr().err
    assert main(["learn", "show", str(tmp_path)]) == 2
    assert "is no finished learning run" in capsys.readouterr().err
