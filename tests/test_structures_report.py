"""Comparison of structures: known scores, stacking, what follows, the report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from bayes_rootc.cli.main import main
from bayes_rootc.errors import RunError
from bayes_rootc.inference.structure_scores import compare, gains, stacking_weights
from bayes_rootc.inference.structures_folder import (
    Compared,
    open_compared,
    refuse_other,
    write_compared,
)
from bayes_rootc.layers import BIOME_KEYS, STANDARD_LAYERS
from bayes_rootc.loss import structures
from bayes_rootc.loss.structures import stacked_draws, structure_ages
from bayes_rootc.report import structures_report as structures_report_module
from bayes_rootc.report.figures import style
from bayes_rootc.report.parts import Report
from bayes_rootc.report.structures_report import consequences, structures_report
from bayes_rootc.report.structures_tables import Consequences, structures_tables
from bayes_rootc.report.structures_text import (
    concentration_sentence,
    evidence_sentence,
    surface_sentence,
    survival_sentence,
)
from bayes_rootc.spec.structures import StructuresSpec
from fake_joint import fake_joint
from fake_run import fake_run
from stored_runs import store

N = 60


def scores(criterion: str, structure: str, elpd: np.ndarray) -> pd.DataFrame:
    n = len(elpd)
    return pd.DataFrame({
        "row": np.arange(n), "place": [f"place {i // 3}" for i in range(n)],
        "study": [f"study {i // 5}" for i in range(n)],
        "standard_layer": np.where(np.arange(n) % 2, "0-20", "20-40"), "biome": "tundra",
        "years": "1995-2004", "criterion": criterion, "structure": structure, "elpd": elpd,
        "pareto_k": np.where(np.arange(n) < 3, 0.9, 0.1) if criterion == "layer" else np.nan,
        "covered_90": np.arange(n) % 10 > 0, "pit": (np.arange(n) + 0.5) / n, "crps": 1.0,
    })  # fmt: skip


def pointwise() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    base = rng.normal(-6.0, 1.0, N)
    better = np.where(np.arange(N) % 2, 0.5, 0.0)  # in the top layers only
    frames = [scores("layer", "one_pool", base), scores("layer", "gamma", base + better)]
    frames += [scores("study", "one_pool", base), scores("study", "gamma", base - 1.0)]
    return pd.concat(frames, ignore_index=True)


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    folder = tmp_path_factory.mktemp("work") / "runs" / "structures"
    for number, name in enumerate(("one_pool", "gamma")):
        run = fake_run(draws=20)
        if name == "gamma":
            posterior = run["posterior"].to_dataset()
            run["posterior"] = posterior.assign(shape=1.5 + 0.0 * posterior["tau"])
        factor = run["derived/age_factor"].to_numpy()
        factor *= [1.0, 3.0][number]
        factor[0, 0] *= [1.0, np.inf][number]
        store(run, folder / "turnover" / name)
        store(fake_joint(draws=20, keep=20, seed=number), folder / "joint" / name)
    states = {
        name: {"gate": "converged", "passed": True, "joint_gate": "", "joint_passed": True}
        for name in ("one_pool", "gamma")
    }
    info: dict[str, Any] = {
        "spec": {}, "spec_hash": "1" * 64, "turnover_hash": "2" * 64, "data_hash": "3" * 64,
        "version": "0.1.0", "seed": 1, "source": "simulated", "origin": "<b>here</b>",
        "structures": states, "joint": True, "notes": ["a note"],
        "seconds": {"turnover/one_pool": 10.0, "turnover/gamma": 25.0},
    }  # fmt: skip
    table = pointwise()
    found = Compared(folder, compare(table), gains(table), table, info)
    write_compared(found)
    return found


@pytest.fixture(scope="module")
def found(compared: Compared) -> Consequences:
    return consequences(compared)


@pytest.fixture
def computed_once(found: Consequences, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structures_report_module, "consequences", lambda _: found)
    monkeypatch.setattr(style, "DPI", 30)


# ---- scores


def test_differences_and_their_errors_are_those_of_studies() -> None:
    table = compare(pointwise()).set_index(["criterion", "structure"])
    assert list(table.index) == [
        ("layer", "gamma"), ("layer", "one_pool"), ("study", "one_pool"), ("study", "gamma"),
    ]  # fmt: skip
    gamma = table.loc["layer", "gamma"]
    assert gamma["difference"] == pytest.approx(15.0)
    # Sums of the 12 studies are 1.0 and 1.5 in turn; n · sd of their means, written out.
    sums = np.where(np.arange(12) % 2, 1.5, 1.0)
    spread = np.sqrt(np.sum((sums - sums.mean()) ** 2) * 12 / 11)
    assert gamma["difference_se"] == pytest.approx(spread)
    one = table.loc["layer", "one_pool"]
    assert one["difference_se"] == gamma["behind_se"] == gamma["behind"] == 0.0
    assert (one["behind"], one["behind_se"]) == (-gamma["difference"], gamma["difference_se"])
    assert gamma["n_high_k"] == 3
    assert table.loc["study", "gamma"]["n_high_k"] == -1
    assert gamma["coverage_90"] == pytest.approx(0.9)
    assert gamma["pit_distance"] == pytest.approx(0.5 / N)


def test_errors_count_places_where_there_are_few_studies() -> None:
    few = pointwise().assign(study="one")
    gamma = compare(few).set_index(["criterion", "structure"]).loc["layer", "gamma"]
    sums = np.where(np.arange(20) % 2, 1.0, 0.5)  # of 20 places
    spread = np.sqrt(np.sum((sums - sums.mean()) ** 2) * 20 / 19)
    assert gamma["difference_se"] == pytest.approx(spread)


def test_stacking_weights_maximise_the_mixed_log_score() -> None:
    rng = np.random.default_rng(2)
    wide = pd.DataFrame({"a": rng.normal(-5.0, 1.0, 200), "b": rng.normal(-5.1, 1.0, 200)})
    weights = stacking_weights(wide)

    def score(w: float) -> float:
        return float(np.log(w * np.exp(wide["a"]) + (1.0 - w) * np.exp(wide["b"])).sum())

    grid = np.linspace(0.0, 1.0, 1001)
    assert sum(weights.values()) == pytest.approx(1.0)
    assert weights["a"] == pytest.approx(grid[np.argmax([score(w) for w in grid])], abs=0.01)


def test_gains_are_told_where_they_are() -> None:
    table = gains(pointwise()).set_index(["criterion", "by", "group"])
    assert table.loc[("layer", "standard_layer", "0-20"), "difference"] == pytest.approx(15.0)
    assert table.loc[("layer", "standard_layer", "20-40"), "difference"] == pytest.approx(0.0)
    assert table.loc[("layer", "biome", "tundra"), "n_layers"] == N
    assert set(table["structure"]) == {"gamma"}


# ---- what follows


def test_stacked_draws_are_as_many_as_the_weights_say() -> None:
    picks = stacked_draws({"one_pool": 0.0, "gamma": 1.0, "two_pool": 3.0}, 100)
    assert {name: len(at) for name, at in picks.items()} == {"gamma": 25, "two_pool": 75}
    assert picks["two_pool"].min() == 0
    assert picks["two_pool"].max() == 99


def test_ages_of_the_stock_are_factor_times_transit_time(found: Consequences) -> None:
    ages = found.ages.set_index(["structure", "biome", "layer_cm"])
    one, gamma = ages.loc["one_pool"], ages.loc["gamma"]
    assert (one["stock_age_q50"] == one["transit_time_q50"]).all()
    assert gamma["stock_age_q50"].to_numpy() == pytest.approx(
        3.0 * gamma["transit_time_q50"].to_numpy(), rel=0.1
    )
    assert (one["p_no_age"] == 0.0).all()
    assert (gamma["p_no_age"] > 0.0).all()
    assert len(one) == len(BIOME_KEYS) * len(STANDARD_LAYERS)


def test_an_age_that_most_draws_lack_is_infinite_not_missing() -> None:
    run = fake_run(draws=20)
    factor = run["derived/age_factor"].to_numpy()
    factor[:, ::2] = np.inf  # at least half of the draws
    ages = structure_ages({"gamma": run}, {"gamma": 1.0})
    assert not ages.isna().any().any()
    assert np.isinf(ages[["stock_age", "stock_age_q975"]]).all().all()
    assert np.isfinite(ages[["stock_age_q025", "transit_time_q975"]]).all().all()


def test_one_structure_alone_is_what_is_stacked() -> None:
    ages = structure_ages({"one_pool": fake_run(draws=20)}, {"one_pool": 1.0})
    one, stacked = (part.drop(columns="structure").reset_index(drop=True)
                    for _, part in ages.groupby("structure"))  # fmt: skip
    pd.testing.assert_frame_equal(one, stacked)


def test_what_survives_is_a_ratio_of_draws(found: Consequences) -> None:
    assert found.flows is not None and found.survival is not None
    table = found.survival.set_index(["structure", "statistic"])
    assert (table.loc["one_pool", "survives_q50"] == 1.0).all()
    said = survival_sentence(found.flows, found.survival)
    assert "survives when structures are stacked (95 % interval" in said
    rng = np.random.default_rng(1)
    draws = np.zeros((2, 10, 8, 4000))
    one, less = draws.copy(), draws.copy()
    one[:, -1, -1], less[:, -1, -1] = rng.normal(2.0, 0.2, 4000), rng.normal(1.0, 0.3, 4000)
    table = structures._survival({"one_pool": one, "gamma": less}).set_index("structure")
    ratio = rng.normal(1.0, 0.3, 100_000) / rng.normal(2.0, 0.2, 100_000)
    expected = np.quantile(ratio, [0.025, 0.5, 0.975])
    for _, row in table.loc["gamma"].iterrows():
        ends = row[["survives_q025", "survives_q50", "survives_q975"]].to_list()
        assert ends == pytest.approx(expected, abs=0.02)
        assert row["p_no_less"] == pytest.approx((ratio >= 1.0).mean(), abs=0.01)


def test_nothing_survives_of_a_loss_that_may_be_none(found: Consequences) -> None:
    draws = np.random.default_rng(1).normal(0.0, 1.0, (2, 10, 8, 500))
    unclear = structures._survival({"one_pool": draws, "gamma": draws, "stacked": draws})
    assert unclear[["survives_q50", "p_no_less"]].isna().all().all()
    assert found.flows is not None
    assert "not clearly above 0" in survival_sentence(found.flows, unclear)


def test_words_say_what_the_uppermost_layer_adds() -> None:
    frame = pointwise()
    single = frame[frame["criterion"] == "layer"]  # gamma better by 0.5 in 30 layers of 0-20 cm
    said = surface_sentence(compare(single), gains(single))
    assert "Of the difference of gamma, layers of 0-20 cm" in said
    assert "make +15 ± 0, deeper ones +0" in said
    assert surface_sentence(compare(frame), gains(frame)) == ""  # studies prefer one pool


def test_words_say_on_which_studies_the_evidence_rests() -> None:
    frame = pointwise()
    single = frame[frame["criterion"] == "layer"].copy()
    single.loc[single["study"].isin(["study 0", "study 2"]) & (single["structure"] == "gamma"),
               "elpd"] -= 1.0  # fmt: skip
    said = concentration_sentence(compare(single), gains(single))
    assert "predicts 10 of 12 studies better" in said
    assert "(study 1, study 3, study 5, study 7, study 9; 25 of 60 layers)" in said
    assert "make +8 of the +5" in said  # 5 of 1.5; 15 less 2 studies of 5
    assert concentration_sentence(compare(single), gains(single.assign(study="one"))) == ""


def test_shapes_are_those_of_the_structures_that_sample_one(found: Consequences) -> None:
    row = found.shapes.iloc[0]
    assert len(found.shapes) == 1
    assert (row["structure"], row["parameter"], row["value_q50"]) == ("gamma", "shape", 1.5)


# ---- the report


@pytest.mark.usefixtures("computed_once")
def test_report_says_what_was_found_and_warns(compared: Compared) -> None:
    report = structures_report(compared)
    assert report.banners[0].word == "SIMULATED WORLD"
    assert "single layers" in evidence_sentence(compared.comparison)
    times = next(table for table in report.tables if table.name == "times")
    assert times.cells[1] == ("gamma", "turnover", "25", "2.5")
    assert "a note" in report.notes
    assert {table.name for table in (report.key_table, *report.tables)} == {
        "comparison", "shapes", "survival", "flows", "gains", "ages", "times",
    }  # fmt: skip
    assert [picture.name for picture in report.pictures] == [
        "evidence",
        "consequences",
        "loss_by_depth",
        "ages",
    ]
    bad = {"gate": "R-hat of shape is 1.2", "passed": False}
    states = compared.info["structures"] | {"gamma": bad}
    failed = structures_report(replace(compared, info=compared.info | {"structures": states}))
    assert not failed.passed
    assert "R-hat of shape is 1.2" in failed.banners[1].sentence


@pytest.mark.usefixtures("computed_once")
def test_fits_to_parts_of_the_data_are_held_to_a_gate_too(compared: Compared) -> None:
    def with_folds(r_hat: float, divergences: int) -> Report:
        folds = {"folds_study": {"r_hat_max": r_hat, "divergences": divergences}}
        state = compared.info["structures"]["gamma"] | folds
        states = compared.info["structures"] | {"gamma": state}
        return structures_report(replace(compared, info=compared.info | {"structures": states}))

    assert with_folds(1.02, 3).passed
    for bad in (with_folds(1.2, 0), with_folds(1.02, 90)):
        assert not bad.passed
        assert "gamma, studies held out: R-hat up to 1." in bad.banners[1].sentence


def test_studies_that_say_so_are_listed(compared: Compared, found: Consequences) -> None:
    frame = pointwise()
    single = frame[frame["criterion"] == "layer"]
    alone = replace(compared, comparison=compare(single), gains=gains(single))
    studies = next(t for t in structures_tables(alone, found) if t.name == "studies")
    assert len(studies.cells) == len(studies.frame) == 12
    assert studies.cells[0] == ("study 1", "5", "+1.5", "+0.300")


def test_report_is_written_from_the_stored_comparison(
    compared: Compared, computed_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = compared.folder.parents[1]
    monkeypatch.chdir(folder)
    assert open_compared(compared.folder).comparison.shape == compared.comparison.shape
    assert main(["report", "runs/structures"]) == 0
    html = (folder / "reports" / "structures" / "report.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;here&lt;/b&gt;" in html


def test_wrong_folders_are_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no finished comparison of structures .* run `structures`"):
        open_compared(tmp_path)
    (tmp_path / "mine.txt").write_text("x", encoding="utf-8")
    with pytest.raises(RunError, match=r"holds other files \(mine.txt\); choose another folder"):
        refuse_other(tmp_path)
    with pytest.raises(RunError, match=r"mine.txt: is a file; choose another folder"):
        refuse_other(tmp_path / "mine.txt")
    (tmp_path / "runs" / "joint").mkdir(parents=True)
    refuse_other(tmp_path / "runs")
    (tmp_path / "runs" / "joint" / "run.json").write_text("{}", encoding="utf-8")  # of `fit`
    with pytest.raises(RunError, match=r"holds other files \(joint/run.json\); choose another"):
        refuse_other(tmp_path / "runs")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"candidates": {"gamma": {"name": "gamma", "shape": 2.0}}}, "candidates.one_pool is miss"),
        ({"candidates": {"one_pool": {"name": "one_pool"}}}, "must hold two or more"),
        ({"more": "stacked"}, "candidates.'stacked': a name must be made of a-z"),
        ({"more": "../../x"}, "candidates.'../../x': a name must be made of a-z"),
        ({"more": ""}, "candidates.'': a name must be made of a-z"),
        ({"held_out": ["study", "study"]}, r"held_out = \['study', 'study'\]: names something tw"),
    ],
)
def test_bad_structures_files_are_told(changed: dict[str, Any], message: str) -> None:
    one: dict[str, Any] = {"name": "one_pool"}
    gamma = {"name": "gamma", "shape": 2.0}
    content = {"schema": 1, "model": "structures", "candidates": {"one_pool": one, "gamma": gamma}}
    if "more" in changed:
        content["candidates"][changed["more"]] = gamma
    else:
        content |= changed
    with pytest.raises(ValidationError, match=message):
        StructuresSpec.model_validate(content)
