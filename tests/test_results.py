"""Tables and figures by name, of runs, learning runs and maps; commands as functions."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import xarray as xr
from PIL import Image

import bayes_rootc as br
from bayes_rootc.data.templates import TEMPLATES
from bayes_rootc.errors import (
    AtmosphereError,
    DataError,
    RunError,
    SpecError,
    WriteError,
)
from bayes_rootc.report.figures.style import NOTEBOOK_DPI
from bayes_rootc.report.flow_columns import FLOW_TABLES
from map_worlds import grid, spec_of, store_joint, store_learning


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A joint run, a learning run and maps of both engines."""
    made = tmp_path_factory.mktemp("stored")
    store_joint(made / "joint")
    store_joint(made / "other", seed=7)
    store_learning(made / "learning")
    grid().to_netcdf(made / "grid.nc", engine="h5netcdf")
    how = {"run": made / "joint", "learning": made / "learning", "folder": made / "map"}
    br.maps(spec_of(grid={"file": str(made / "grid.nc")}), **how)
    return made


# --- results ----------------------------------------------------------------------------------


def test_a_run_gives_the_tables_and_figures_of_its_report(folder: Path) -> None:
    results = br.results(folder / "joint")
    contents = results.contents()
    assert list(contents) == ["kind", "name", "title", "caption"]
    tables = contents.loc[contents["kind"] == "table", "name"]
    assert tables.iloc[0] == "key_numbers"
    assert {"flows", "estimates", "checks"} <= set(tables) <= {"key_numbers", *FLOW_TABLES}
    assert results.info["passed"] is True
    estimates = results.table("estimates")
    losses = br.losses(results.stored)
    whole = losses[(losses["biome"] == "all") & (losses["layer_cm"] == "0-200")]
    assert estimates["i_loss_q50"].to_list() == whole["i_loss_q50"].to_list()
    shown = results.table("estimates", text=True)
    assert len(shown) == len(estimates)
    assert shown["I_loss (Mg C ha⁻¹ yr⁻¹)"].str.contains(" to ").all()


def test_a_figure_shows_itself_in_a_notebook_without_pyplot(folder: Path) -> None:
    figure = br.results(folder / "joint").figure("six_estimates")
    bundle = figure._repr_mimebundle_()
    with Image.open(io.BytesIO(bundle["image/png"])) as picture:
        wide = figure.get_size_inches()[0] * NOTEBOOK_DPI
        assert picture.size[0] == pytest.approx(wide, abs=1)
    assert plt.get_fignums() == []


def test_names_that_are_not_there_are_refused_with_the_nearest(folder: Path) -> None:
    results = br.results(folder / "joint")
    with pytest.raises(RunError, match=r"joint: has no table 'estimate'; did you mean estimates\?"):
        results.table("estimate")
    with pytest.raises(RunError, match="has no figure 'zzz'; right: loss_densities, "):
        results.figure("zzz")
    with pytest.raises(RunError, match="the table settings has no row here"):
        results.table("settings")
    with pytest.raises(RunError, match="no such run"):
        br.results(folder / "nothing")


def test_maps_and_learning_runs_are_results_too(folder: Path) -> None:
    maps = br.results(folder / "map")
    totals = pd.read_csv(folder / "map" / "totals.csv")
    pd.testing.assert_frame_equal(
        maps.table("totals"), totals[totals["layer"] == "0-200"], check_dtype=False
    )
    assert list(maps.stored) == ["forest", "posterior"]
    assert isinstance(maps.stored["forest"], xr.Dataset)
    names = set(maps.contents().query("kind == 'figure'")["name"])
    assert {"forest_profile", "posterior_trust", "posterior_i_loss_uncertainty"} <= names
    assert len(maps.figure("posterior_share").axes) == 4  # two maps with their colour bars


def test_a_map_that_is_not_finished_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "map.json").write_text("{}", encoding="utf-8")
    for use in (br.results, br.export_maps):
        with pytest.raises(RunError, match="is no finished map"):
            use(tmp_path)


# --- what the commands do ---------------------------------------------------------------------


def test_reports_of_every_kind_from_python(folder: Path, tmp_path: Path) -> None:
    page = br.write_report(folder / "map", tmp_path / "map")
    assert page.read_text(encoding="utf-8").count("posterior of the joint model") > 1
    both = br.write_report(folder / "joint", tmp_path / "both", compare=folder / "other")
    assert (tmp_path / "both" / "tables" / "parameters.csv").is_file()
    assert "differ by more than 2 sd" in both.read_text(encoding="utf-8")
    with pytest.raises(RunError, match="is the run itself"):
        br.write_report(folder / "joint", tmp_path / "same", compare=folder / "joint")


def test_runs_are_compared(folder: Path) -> None:
    found = br.compare_runs(folder / "joint", folder / "other")
    again = br.compare_runs(br.load_run(folder / "joint"), br.load_run(folder / "joint"))
    assert found["difference_sd"].abs().is_monotonic_decreasing
    assert (again["difference_sd"].fillna(0.0) == 0.0).all()


def test_losses_are_written_where_asked(folder: Path, tmp_path: Path) -> None:
    found = br.losses(folder / "joint", seed=3, to=tmp_path / "loss")
    written = pd.read_csv(tmp_path / "loss" / "tables" / "losses.csv")
    assert len(written) == len(found)
    assert not found.equals(br.losses(folder / "joint", seed=4))


def test_maps_are_exported(folder: Path) -> None:
    files = br.export_maps(folder / "map")
    assert [path.name for path in files] == ["forest.nc", "posterior.nc"]
    with xr.open_dataset(files[1], engine="h5netcdf") as found:
        assert found.sizes["standard_layer"] == 8


def test_a_grid_is_checked_and_drawn(folder: Path, tmp_path: Path) -> None:
    spec = spec_of(grid={"file": str(folder / "grid.nc")})
    check = br.check_grid(spec, learning=folder / "learning", to=tmp_path / "area.nc")
    assert list(check.areas["target"]) == ["i_root", "i_bulk"]
    assert len(br.plot_applicability(check).axes) == 4
    (tmp_path / "cube.zarr").mkdir()
    with pytest.raises(WriteError, match=r"cube\.zarr: exists; --overwrite"):
        br.build_grid(spec, tmp_path / "cube.zarr")


def test_a_map_is_planned(folder: Path) -> None:
    spec = spec_of(grid={"file": str(folder / "grid.nc")}, engines=["posterior"])
    plan = br.plan_maps(spec, run=folder / "joint", learning=folder / "learning", say=str)
    assert (plan.cells, plan.land) == (240, 180)


def test_templates_are_tables_and_files(tmp_path: Path) -> None:
    for name, template in TEMPLATES.items():
        rows = br.template(name, tmp_path / f"{name}.csv")
        assert list(rows) == br.template_columns(name)["name"].to_list()
        assert (tmp_path / f"{name}.csv").read_text(encoding="utf-8") == template.csv()
    with pytest.raises(WriteError, match="exists"):
        br.template("npp", tmp_path / "npp.csv")
    with pytest.raises(DataError, match="carbon: no such template; right: radiocarbon, npp, roots"):
        br.template_columns("carbon")


def test_data_are_found_or_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("BAYES_ROOTC_DATA", raising=False)
    monkeypatch.setattr("bayes_rootc.data.where.fetched_folder", lambda: tmp_path)
    monkeypatch.setattr("bayes_rootc.data.locate.fetched_folder", lambda: tmp_path)
    assert br.find_data()["layers"] is None
    br.template("radiocarbon", tmp_path / "mine.csv")
    found = br.find_data(tmp_path / "mine.csv")
    assert (found["format"], found["found_by"]) == ("tidy", "--data")
    with pytest.raises(DataError, match="no such file or folder"):
        br.find_data(tmp_path / "none.csv")


def test_curves_are_drawn_one_by_pool() -> None:
    figure = br.plot_curves([3, 90], "NHZone2", stop=1990)
    labels = [str(line.get_label()) for line in figure.axes[0].lines]
    assert labels[1:3] == ["pool of 3 years", "pool of 90 years"]
    curve = br.forward_curve(90.0, "NHZone2", stop=1990)
    drawn = figure.axes[0].lines[2].get_xydata()
    assert drawn.tolist() == curve.to_numpy().tolist()
    assert len(br.plot_curves(20.0, lat=-20.0).axes[0].lines) == 3  # air, pool, zero
    with pytest.raises(AtmosphereError, match="give a latitude"):
        br.plot_curves([3, 90])
    answer = br.turnover(100.0, 2000, 45.0)
    assert len(br.plot_turnover(answer).axes[0].collections) == len(answer.modes)


def test_settings_of_the_sampler_are_checked_like_the_files(tmp_path: Path) -> None:
    world = br.simulate_world(20, seed=1)
    with pytest.raises(SpecError, match=r"sampler: unknown key sampler\.drawz; did you mean "):
        br.fit("turnover", world, folder=tmp_path / "run", sampler={"drawz": 5})
    with pytest.raises(
        TypeError, match=r"no such argument: draws, wordl; of the sampler: sampler=\{'dr"
    ):
        br.fit("turnover", folder=tmp_path / "run", draws=5, wordl=1)
    assert not (tmp_path / "run").exists()


def test_a_model_is_explained_under_the_name_that_was_given() -> None:
    assert br.explain("joint").startswith("joint: model joint")
    with pytest.raises(SpecError, match="jiont"):
        br.explain("jiont")


def test_crossval_and_learning_refuse_what_cannot_be(folder: Path) -> None:
    with pytest.raises(SpecError, match="folds = 1: must be 2 or more"):
        br.learn_crossval(run=folder / "joint", folds=1)
    with pytest.raises(RunError):
        br.load_learned(folder / "joint")
    learned = br.load_learned(folder / "learning")
    assert list(learned.tables) == ["importance"]
