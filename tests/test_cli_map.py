"""The verb ``map`` from its words to its files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr

from bayes_rootc.cli.main import main
from bayes_rootc.mapping.block import store_path
from bayes_rootc.mapping.store import DEPTHS, open_store
from bayes_rootc.report.figures import style
from bayes_rootc.report.map_report import map_report, write_map_report
from map_worlds import grid, store_joint, store_learning

MODEL = """schema = 1
model = "map"
[grid]
file = "{grid}"
[forest]
n_trees = 50
[output]
draws = 40
block_lat = 6
block_lon = 20
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that a map needs, and the map made of it."""
    made = tmp_path_factory.mktemp("cli")
    store_joint(made / "joint", simulated=True)
    store_learning(made / "learning")
    grid().to_netcdf(made / "grid.nc", engine="h5netcdf")
    (made / "m.toml").write_text(MODEL.format(grid=made / "grid.nc"), encoding="utf-8")
    return made


def words(folder: Path, *more: str) -> list[str]:
    of = ["--run", str(folder / "joint"), "--learning", str(folder / "learning")]
    return ["map", str(folder / "m.toml"), *of, "--maps", str(folder / "maps"), *more]


def test_a_map_its_formats_and_its_report(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(style, "DPI", 30)
    more = ["--engine", "posterior", "--geotiff", "--netcdf", "--jobs", "2"]
    assert main(words(folder, *more)) == 0
    said = capsys.readouterr().out
    assert "Totals over 0-200 cm, Pg C per year" in said
    assert "SIMULATED WORLD" in said
    there = folder / "maps" / "map"
    maps = open_store(store_path(there, "posterior"))
    with xr.open_dataset(there / "posterior.nc", engine="h5netcdf") as copy:
        for name in ("i_loss_mean", "i_bulk_quantile"):
            assert np.array_equal(copy[name], maps[name], equal_nan=True)
    with rasterio.open(there / "posterior-geotiff" / "i_loss_q0.5.tif") as file:
        assert file.crs.to_epsg() == 4326
        assert file.count == len(DEPTHS)
        assert file.descriptions[-1] == "0-200"
        expected = maps["i_loss_quantile"].sel(quantile=0.5).transpose("standard_layer", ...)
        assert np.array_equal(file.read(), expected, equal_nan=True)
        assert file.xy(0, 0) == pytest.approx((-9.5, 49.5))
    page = (there / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64") == 9
    assert "SIMULATED WORLD" in page
    widths = pd.read_csv(there / "tables" / "widths.csv").set_index(["flow", "layer_cm"])
    lower, _, upper = maps["i_bulk_quantile"].isel(standard_layer=0)
    ratio = widths.loc[("i_bulk", "0-20"), "upper_over_lower"]
    assert ratio == pytest.approx(float((upper / lower).load().median()))
    for png in (there / "figures").glob("*.png"):
        assert len(pd.read_csv(png.with_suffix(".csv"))) > 0
    totals = pd.read_csv(there / "totals.csv")
    assert set(totals["engine"]) == {"posterior"}


def test_a_second_map_of_the_name_is_refused_and_a_plan_needs_no_name(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--engine", "posterior", "--no-figures", "--name", "one"]
    assert main(words(folder, *more)) == 0
    assert not (folder / "maps" / "one" / "forest.zarr").exists()
    assert main(words(folder, *more)) == 2
    assert "--resume goes on with it" in capsys.readouterr().err
    assert main(words(folder, *more, "--resume")) == 0
    assert main(words(folder, "--plan", "--engine", "posterior")) == 0
    assert "240 cells, 180 of them land, in 2 blocks" in capsys.readouterr().out
    assert main(words(folder, "--jobs", "0")) == 2
    assert "--jobs 0: must be 1 or more" in capsys.readouterr().err
    assert main(words(folder, *more, "--resume", "--overwrite")) == 2
    assert "--resume and --overwrite exclude each other" in capsys.readouterr().err
    forgotten = [word for word in words(folder, *more, "--resume") if str(folder / "joint") != word]
    forgotten.remove("--run")
    assert main(forgotten) == 0  # the map knows which run it was begun with
    assert main(words(folder, "--name", "../two")) == 2
    assert "--name ../two: a name is not a path" in capsys.readouterr().err
    assert main(words(folder, "--cluster", "tcp://127.0.0.1:1", "--name", "two")) == 2
    assert "no dask scheduler answers there" in capsys.readouterr().err


def test_a_run_that_did_not_converge_is_marked_first(folder: Path) -> None:
    there = folder / "maps" / "one"
    info = json.loads((there / "map.json").read_text(encoding="utf-8"))
    info["run"]["converged"] = False
    totals = pd.read_csv(there / "totals.csv")
    report = map_report(there, {**info, "spec": {**info["spec"], "engines": []}}, totals, {})
    assert any("NOT CONVERGED" in banner.sentence for banner in report.banners)
    assert not report.passed
    with pytest.raises(Exception, match="is no finished map"):
        write_map_report(folder)
