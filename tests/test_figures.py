"""Figures of a report: every one draws every kind of run, says its units, and is repeatable."""

from __future__ import annotations

import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure
from scipy import stats

from bayes_rootc.report.figures.catalogue import FIGURES
from bayes_rootc.report.figures.pit import log_likelihood_kept, simultaneous_half_width
from bayes_rootc.report.figures.style import label_with_unit, plain_number, to_png
from fake_run import DRIFT_OF_LAST_CHAIN, TRUTH, ZONES, fake_run

KINDS: dict[str, dict[str, int | bool | str]] = {
    "plain": {},
    "simulated": {"simulated": True},
    "one_profile_five_draws": {"n_profiles": 1, "chains": 2, "draws": 5, "partial": True},
    "one_draw": {"n_profiles": 1, "chains": 1, "draws": 1},
    "not_converged": {"converged": False},
    "dollar": {"site": "$x_1$ <script>"},
}


@pytest.fixture(scope="module", params=KINDS)
def run(request: pytest.FixtureRequest) -> xr.DataTree:
    return fake_run(**KINDS[request.param])  # type: ignore[arg-type]


@pytest.mark.parametrize("name", FIGURES)
def test_figures_draw_and_say_their_units(name: str, run: xr.DataTree) -> None:
    figure = FIGURES[name].draw(run)
    assert isinstance(figure, Figure)
    labels = []
    for ax in figure.axes:
        shared = ax.get_shared_x_axes().get_siblings(ax) + ax.get_shared_y_axes().get_siblings(ax)
        # Of panels that share an axis the outer ones carry the label.
        alone = len({id(other) for other in shared}) == 1
        if alone and ax.get_label() != "<colorbar>" and len(figure.axes) <= 2:
            assert ax.get_xlabel()
            assert ax.get_ylabel()
        labels += [text for text in (ax.get_xlabel(), ax.get_ylabel()) if text]
    assert len(labels) >= 2
    assert [label for label in labels if not (label.endswith(")") and " (" in label)] == []
    png = to_png(figure)
    assert png.startswith(b"\x89PNG")
    assert len(png) > 10_000


@pytest.mark.parametrize("name", FIGURES)
def test_same_run_gives_same_bytes(name: str) -> None:
    first, second = (to_png(FIGURES[name].draw(fake_run(n_profiles=9))) for _ in range(2))
    assert first == second


def test_drawing_leaves_global_options_and_pyplot_alone() -> None:
    code = (
        "import sys, matplotlib; before = dict(matplotlib.rcParams);"
        "from bayes_rootc.report.figures.catalogue import FIGURES;"
        "from bayes_rootc.report.figures.style import to_png;"
        "from fake_run import fake_run;"
        "run = fake_run(n_profiles=2, draws=5);"
        "[to_png(record.draw(run)) for record in FIGURES.values()];"
        "assert dict(matplotlib.rcParams) == before;"
        "print({'matplotlib.pyplot', 'pymc', 'pytensor', 'nutpie'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "set()"


def test_user_style_does_not_change_a_figure() -> None:
    run = fake_run(n_profiles=3, draws=20)
    usual = to_png(FIGURES["pit"].draw(run))
    with mpl.rc_context({"font.size": 30.0, "axes.facecolor": "black"}):
        assert to_png(FIGURES["pit"].draw(run)) == usual


def test_truth_is_marked_only_where_known() -> None:
    marked = FIGURES["prior_posterior"].data(fake_run(simulated=True))
    truth = marked.groupby("parameter")["truth"].first()
    assert truth["tau"] == TRUTH["tau"]
    assert truth["gamma[map]"] == TRUTH["gamma"]["map"]
    assert FIGURES["prior_posterior"].data(fake_run())["truth"].isna().all()


def test_coverage_is_stated_and_is_that_of_the_replicates() -> None:
    run = fake_run()
    replicate = run["posterior_predictive/delta14c"].values.reshape(200, -1)
    observed = run["observed_data/delta14c"].values
    low, high = np.quantile(replicate, (0.05, 0.95), axis=0)
    share = 100 * np.mean((observed >= low) & (observed <= high))
    title = FIGURES["observed_predicted"].draw(run).axes[0].get_title(loc="left")
    assert title.startswith(f"90 % intervals hold {share:.1f} % of {observed.size} layers")


def test_pit_without_weights_is_the_share_of_smaller_replicates() -> None:
    run = fake_run(chains=2, draws=5)
    table = FIGURES["pit"].data(run)
    replicate = run["posterior_predictive/delta14c"].values.reshape(10, -1)
    below = (replicate <= run["observed_data/delta14c"].values).mean(axis=0)
    assert set(table["method"]) == {"PIT"}
    np.testing.assert_allclose(table["pit"], below)


def test_loo_pit_of_a_conjugate_model_is_exact() -> None:
    # y_i ~ N(m, 1) with a flat prior of m: without y_i the next value is N(mean of the rest,
    # 1 + 1/(n - 1)). Few layers, so that leaving one out moves the answer.
    run = fake_run(n_profiles=2, chains=4, draws=2000, keep=2000)
    rng = np.random.default_rng(3)
    n = run["observed_data"].sizes["layer"]
    y = rng.standard_normal(n)
    y[0] = 2.5
    mean = y.mean() + rng.standard_normal((4, 2000, 1)) / np.sqrt(n)
    run["observed_data/delta14c"].values[:] = y
    run["log_likelihood/delta14c"].values[:] = stats.norm.logpdf(y, mean, 1.0)
    replicate = mean + rng.standard_normal((4, 2000, n))
    run["posterior_predictive/delta14c"].values[:] = replicate
    rest = (y.sum() - y) / (n - 1)
    exact = stats.norm.cdf(y, rest, np.sqrt(1 + 1 / (n - 1)))
    found = FIGURES["pit"].data(run)
    assert set(found["method"]) == {"LOO-PIT"}
    # 8,000 draws: the standard error of a share is at most 0.006.
    np.testing.assert_allclose(found["pit"], exact, atol=0.02)
    inside = (replicate <= y).mean(axis=(0, 1))
    wrong, right = (np.abs(values - exact).max() for values in (inside, found["pit"]))
    assert right < wrong / 2


def test_flat_likelihood_gives_equal_weights() -> None:
    run = fake_run()
    flat = xr.zeros_like(run["log_likelihood/delta14c"])
    noise = np.random.default_rng(0).normal(0, 1e-9, flat.shape)
    run["log_likelihood/delta14c"] = flat + noise
    replicate = run["posterior_predictive/delta14c"].values.reshape(200, -1)
    below = (replicate <= run["observed_data/delta14c"].values).mean(axis=0)
    np.testing.assert_allclose(FIGURES["pit"].data(run)["pit"], below, atol=1e-6)


def test_likelihood_is_taken_at_the_kept_draws() -> None:
    run = fake_run(chains=2, draws=100, keep=30)
    kept = run["posterior_predictive"]["draw_kept"].values
    everything = run["log_likelihood/delta14c"].values
    found = log_likelihood_kept(run)
    assert found is not None
    np.testing.assert_array_equal(found[3], everything[:, kept, 3].ravel())


def test_unlabelled_kept_draws_are_not_guessed() -> None:
    run = fake_run(chains=2, draws=100, keep=30)
    predictive = run["posterior_predictive"].to_dataset()
    numbered = predictive.assign_coords(draw_kept=np.arange(30))
    run["posterior_predictive"] = xr.DataTree(numbered)
    assert log_likelihood_kept(run) is None


def test_simultaneous_band_is_wider_than_a_single_bins() -> None:
    n, bins = 2000, 20
    single = stats.binom(n, 1 / bins).interval(0.95)[1] - n / bins
    half = simultaneous_half_width(n, bins)
    assert single < half
    bonferroni = stats.binom(n, 1 / bins).interval(1 - 0.05 / bins)[1] - n / bins
    assert half == pytest.approx(bonferroni, rel=0.15)


def test_extrapolated_years_are_marked() -> None:
    table = FIGURES["bomb_curve"].data(fake_run())
    assert set(table["zone"]) == set(ZONES)
    assert (table["extrapolated"] == (table["year"] > 2019.5)).all()
    assert table["year"].min() == 1940
    texts = FIGURES["bomb_curve"].draw(fake_run()).legends[0].get_texts()
    assert "extrapolated years" in [text.get_text() for text in texts]


def test_rank_counts_add_up_and_show_a_chain_that_drifts() -> None:
    assert DRIFT_OF_LAST_CHAIN > 0
    table = FIGURES["rank_plots"].data(fake_run(converged=False))
    counts = table.groupby(["parameter", "chain"])["draws"].sum()
    assert (counts == 100).all()
    alpha = table[table["parameter"] == "alpha"]
    assert alpha[(alpha["chain"] == 3) & (alpha["left"] < 0.5)]["draws"].sum() == 0


def test_depth_profile_says_which_biome_has_no_layers() -> None:
    titles = [ax.get_title(loc="left") for ax in FIGURES["depth_profile"].draw(fake_run()).axes]
    assert len(titles) == 9
    assert [t for t in titles if "from the population" in t] == [
        "Deserts\nno layers: from the population"
    ]
    ax = FIGURES["depth_profile"].draw(fake_run()).axes[0]
    assert ax.get_xscale() == "log"
    assert ax.get_ylim() == (200, 0)


def test_labels_are_plain() -> None:
    assert label_with_unit("tau", "1") == "tau (–)"
    assert label_with_unit("alpha", "ln yr-1") == "alpha (ln yr⁻¹)"
    assert plain_number(10_000) == "10,000"
    assert plain_number(0.5) == "0.5"
