"""What every test shares: the real data where there are any, no screen, and a fixed chance."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from bayes_rootc.data.world import simulate_world
from bayes_rootc.spec.load import dump_spec, load_spec, parse_spec
from bayes_rootc.spec.turnover import TurnoverSpec

if TYPE_CHECKING:
    from bayes_rootc.inference.fit import Fit

os.environ["MPLBACKEND"] = "agg"  # before anything imports matplotlib; subprocesses inherit it

# The first call of a compiled function takes seconds, hence no deadline.
settings.register_profile("local", deadline=None)
settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci" if os.environ.get("CI") else "local")

DATA_VARIABLE = "BAYES_ROOTC_DATA"


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Return the folder of the real data, or skip the test with the reason."""
    named = os.environ.get(DATA_VARIABLE)
    if not named:
        pytest.skip(f"{DATA_VARIABLE} is not set: no real data")
    folder = Path(named)
    if not folder.is_dir():
        pytest.skip(f"{DATA_VARIABLE} = {named}: no such folder")
    return folder


@pytest.fixture(scope="session")
def short_spec() -> TurnoverSpec:
    """Return the turnover model with a sampler that is short enough for tests."""
    content = dump_spec(load_spec(Path(__file__).parents[1] / "models" / "turnover.toml"))
    content["sampler"] |= {"chains": 2, "tune": 300, "draws": 200, "keep_draws": 100}
    content["gate"] |= {"ess_min": 30.0, "r_hat_max": 1.1}
    return parse_spec(content)


@pytest.fixture(scope="session")
def small_fit(short_spec: TurnoverSpec, tmp_path_factory: pytest.TempPathFactory) -> Fit:
    """Return one real fit of a small simulated world, made once for all tests."""
    from bayes_rootc.inference.fit import fit_model

    world = simulate_world(short_spec, 60, seed=5)
    return fit_model(short_spec, world, tmp_path_factory.mktemp("runs") / "small")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that asks for the data folder, so that `-m real_data` finds it."""
    for item in items:
        if "data_folder" in getattr(item, "fixturenames", ()):
            item.add_marker("real_data")
