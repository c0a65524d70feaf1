"""The verb ``map`` from its words to its files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from matplotlib.colors import to_hex
from matplotlib.contour import ContourSet

from bayes_rootc.cli.main import main
from bayes_rootc.mapping.block import store_path
from bayes_rootc.mapping.store import CELL, DEPTHS, open_store
from bayes_rootc.mapping.totals import Totals
from bayes_rootc.report.figures import map_scales, style
from bayes_rootc.report.figures import maps as figures
from bayes_rootc.report.map_report import forest_words, map_report, write_map_report
from bayes_rootc.report.map_tables import npp_table, shares_table, widths_table
from map_worlds import grid, spec_of, store_joint, store_learning

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
    assert page.count("data:image/png;base64") == 11
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
    report = map_report(
        there, {**info, "spec": {**info["spec"], "engines": []}}, Totals(totals, pd.DataFrame(), {})
    )
    assert [banner.word for banner in report.banners] == ["SIMULATED WORLD", "NOT CONVERGED"]
    assert not report.passed
    with pytest.raises(Exception, match="is no finished map"):
        write_map_report(folder)


def shares(**intervals: tuple[float, float, float]) -> pd.DataFrame:
    """Shares lost of 0-200 cm, by engine: lower end, median, upper end."""
    rows = [
        {"engine": engine, "biome": "tundra", "layer": "0-200", "flow": "loss_share",
         **dict(zip(("q025", "q50", "q975"), ends, strict=True))}
        for engine, ends in intervals.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("posterior", "agreement"),
    [
        ((0.50, 0.60, 0.69), "intervals apart"),
        ((0.50, 0.60, 0.71), "each median outside the other's interval"),
        ((0.50, 0.60, 0.85), "one median outside the other's interval"),
        ((0.50, 0.75, 0.85), "yes"),
    ],
)
def test_engines_side_by_side_say_whether_they_agree(
    posterior: tuple[float, float, float], agreement: str
) -> None:
    table = shares_table(shares(forest=(0.70, 0.80, 0.90), posterior=posterior))
    low, middle, high = (f"{100 * value:.0f}%" for value in posterior)
    expected = ("Tundra", "80% (70% to 90%)", f"{middle} ({low} to {high})", agreement)
    assert table.cells == (expected,)
    assert ("lie apart: Tundra." in table.caption) == (agreement == "intervals apart")
    assert table.frame.loc[0, "posterior_q50"] == posterior[1]


def test_i_root_above_gridded_npp_is_flagged() -> None:
    row = {"engine": "posterior", "gridded_npp": 2.0, "q025": 0.5, "p_above": 0.1,
           "area_above": 0.4, "i_root_elsewhere": 0.25}  # fmt: skip
    table = npp_table(
        pd.DataFrame(
            [
                {**row, "biome": "tundra", "q50": 2.1, "q975": 9.0},
                {**row, "biome": "deserts", "q50": 1.0, "q975": 2.5},
                {**row, "biome": "croplands", "q50": 1.0, "q975": 1.9},
            ]
        )
    )
    notes = [cells[-1] for cells in table.cells]
    assert notes == ["above NPP", "interval reaches above NPP", ""]
    assert "is not to be used: Tundra (posterior)." in table.caption
    assert table.cells[0][2:7] == ("2", "2.1 (0.5 to 9)", "10%", "40%", "0.25")


def maps_of(quantiles: tuple[float, ...]) -> xr.Dataset:
    """Maps of two cells with known ends of the intervals; another is not mapped."""
    sizes = {"standard_layer": list(DEPTHS), "lat": [10.0, 0.0], "lon": [0.0, 10.0]}
    data: dict[str, Any] = {name: (("lat", "lon"), np.ones((2, 2))) for name in CELL}
    data["p_loss_negative"] = (("standard_layer", "lat", "lon"), np.full((8, 2, 2), 0.1))
    ends_of = {"i_root": (1.0, 2.0, 8.0), "i_bulk": (0.1, 0.5, 5.0), "i_loss": (-4.0, 1.5, 7.9),
               "loss_share": (-2.0, 0.7, 0.9)}  # fmt: skip
    for name, ends in ends_of.items():
        values = np.broadcast_to(np.array(ends)[:, None, None, None], (3, 8, 2, 2)).copy()
        values[..., 1, 1] = np.nan
        data[f"{name}_quantile"] = (("quantile", "standard_layer", "lat", "lon"), values)
    return xr.Dataset(data, {**sizes, "quantile": list(quantiles)})


def test_widths_have_every_flow_and_name_the_interval() -> None:
    table = widths_table({"posterior": maps_of((0.05, 0.5, 0.95))})
    cells = {row[:2]: row[2] for row in table.cells}
    assert cells["I_root", "0-200"] == "× 8.0"
    assert cells["I_bulk", "0-20"] == "× 50.0"
    assert cells["I_loss", "0-200"] == "11.9"
    assert "Of the 90 % interval" in table.caption


def test_figures_name_engine_and_interval_and_tell_the_unmapped_from_the_small() -> None:
    maps = maps_of((0.025, 0.5, 0.975))
    for figure in (
        figures.profile(maps, "0-200", "the engine"), figures.share(maps, "the engine"),
        figures.trust(maps, "the engine"), figures.layers(maps, "i_loss", "the engine",
                                                          uncertain=True),
    ):  # fmt: skip
        assert "the engine" in figure.get_suptitle()
    labels = [ax.get_xlabel() for ax in figures.profile(maps, "0-200", "x").axes]
    assert "half width of the 95 % interval / |median|" in labels
    colours = {figures.NEGATIVE, figures.NOT_MAPPED, map_scales.BELOW}
    assert len(colours) == 3
    assert map_scales.FLOW.below == map_scales.BELOW
    panel = figures.layers(maps, "i_root", "x", uncertain=False).axes[0]
    assert to_hex(panel.get_facecolor()) == figures.NOT_MAPPED


def test_maps_outline_what_is_mapped_so_that_grey_land_stands_out_of_grey_sea() -> None:
    maps = maps_of((0.025, 0.5, 0.975))
    drawn = [one for one in figures.share(maps, "x").axes[0].collections
             if isinstance(one, ContourSet)]  # fmt: skip
    assert [one.get_rasterized() for one in drawn] == [True]  # else 40 MB of an SVG
    everywhere = maps.fillna(1.0)
    assert not [one for one in figures.share(everywhere, "x").axes[0].collections
                if isinstance(one, ContourSet)]  # fmt: skip


def test_negative_cells_have_a_legend_and_dots_that_are_seen_in_grey() -> None:
    maps = maps_of((0.025, 0.5, 0.975))
    panel = figures.layers(maps, "i_loss", "x", uncertain=False).axes[0]
    assert panel.get_legend() is None
    at = {"quantile": 1, "standard_layer": 0, "lat": 0, "lon": 1}
    maps["i_loss_quantile"][at] = -1.0
    panel = figures.layers(maps, "i_loss", "x", uncertain=False).axes[0]
    assert [text.get_text() for text in panel.get_legend().get_texts()] == ["below 0"]
    (dots,) = panel.lines
    assert np.rad2deg(dots.get_xydata()).round(9).tolist() == [[10.0, 10.0]]


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ((0.61, 0.75), (0.6, 0.8)),
        ((0.7, 0.7), (0.7, 0.8)),
        ((-3.0, 0.75), (0.0, 0.7)),
        ((np.nan, np.nan), (0.0, 1.0)),
    ],
)
def test_colours_of_the_share_end_at_tenths_around_the_data(
    values: tuple[float, float], ends: tuple[float, float]
) -> None:
    norm = map_scales.limits([xr.DataArray(np.array(values))], map_scales.SHARE)
    assert (norm.vmin, norm.vmax) == pytest.approx(ends)


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"held_out": "block"}, ("errors on blocks of 7° held out", "within blocks of 7°")),
        ({"held_out": "profile"}, ("errors on profiles held out", "80% of the profiles")),
        ({"tau": "bootstrap"}, ("each of 500 forests",)),
    ],
)
def test_the_report_says_how_tau_was_found(section: dict[str, str], words: tuple[str, ...]) -> None:
    spec = spec_of(forest={"block_degrees": 7.0, **section}).model_dump(mode="json")
    facts = {"rows": 10, "groups": 5, "tau95": 2.0, "tau95_oob": 2.0}
    told = " ".join(forest_words({"spec": spec, "forest": {"i_root": facts}}))
    assert "by the spread over all trees of the forest" in told
    for one in words:
        assert one in told


def test_report_writes_that_of_a_map_again(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(style, "DPI", 20)
    there = folder / "maps" / "map"
    assert main(["report", str(there), "--output", str(tmp_path / "r")]) == 0
    assert str(tmp_path / "r" / "report.html") in capsys.readouterr().out
    text = (tmp_path / "r" / "report.md").read_text(encoding="utf-8")
    assert text == (there / "report.md").read_text(encoding="utf-8")
    assert "beside gridded NPP" in text
