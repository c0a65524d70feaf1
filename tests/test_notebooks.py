"""The notebooks run from end to end on a small configuration, and are stored clean."""

from __future__ import annotations

import ast
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest

import bayes_rootc as br
from map_worlds import grid, spec_of, store_joint, store_learning

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "notebooks"
TOOL = ROOT / "tools" / "run_notebooks.py"
NAMES = ("01_turnover", "02_diagnostics", "03_loss", "04_maps", "05_your_own_data")
MOST_BYTES = 1_000_000
PATH = re.compile(r"(?<![\w.~}*)<>-])/(?:home|root|tmp|Users|work|opt|mnt|var|private)/\w")
MAP_MODEL = """schema = 1
model = "map"
[grid]
file = "{grid}"
[forest]
n_trees = 50
"""


def stored(name: str, folder: Path = FOLDER) -> Any:
    return nbformat.read(folder / f"{name}.ipynb", as_version=4)


def codes(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook: Any) -> list[Any]:
    return [output for cell in codes(notebook) for output in cell.outputs]


def texts(notebook: Any) -> str:
    """Everything that is shown, pictures aside."""
    found = []
    for output in outputs(notebook):
        data = output.get("data", {})
        found += [output.get("text", ""), *(v for k, v in data.items() if "image" not in k)]
    return "\n".join(map(str, found))


def pictures(notebook: Any) -> int:
    return sum("image/png" in output.get("data", {}) for output in outputs(notebook))


# --- executed ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Small stored runs and maps, as values of the notebooks' parameters."""
    made = tmp_path_factory.mktemp("small")
    run, learning = store_joint(made / "joint"), store_learning(made / "learning")
    names = ["tau_k", *(f"i_loss_total_mean[{biome}]" for biome in ("tundra", "deserts"))]
    sensitivity = pd.DataFrame({"quantity": names, "prior": 0.1, "likelihood": 0.2, "what": "fine"})
    sensitivity.to_csv(run / "sensitivity.csv", index=False)
    grid().to_netcdf(made / "grid.nc", engine="h5netcdf")
    (made / "m.toml").write_text(MAP_MODEL.format(grid=made / "grid.nc"), encoding="utf-8")
    spec = spec_of(grid={"file": str(made / "grid.nc")})
    br.maps(spec, run=run, learning=learning, folder=made / "map")
    return {
        "RUN": str(run), "LEARNING": str(learning), "MAPS": str(made / "map"),
        "MODEL": str(made / "m.toml"), "PLACE": (45.5, -3.5), "WORK": str(made / "work"),
        "SAMPLER": {"chains": 2, "tune": 300, "draws": 200},
    }  # fmt: skip


def executed(name: str, small: dict[str, Any], folder: Path) -> Any:
    """Execute a notebook as `make notebooks` does, without network and without real data."""
    words = [word for key, value in small.items() for word in ("--set", f"{key}={value}")]
    own = {key: value for key, value in os.environ.items() if key != "BAYES_ROOTC_DATA"}
    nowhere = "http://127.0.0.1:9"
    run = subprocess.run(
        [sys.executable, str(TOOL), name, "--to", str(folder), *words],
        env={**own, "http_proxy": nowhere, "https_proxy": nowhere},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return stored(name, folder)


SHOWN = {
    "01_turnover": (3, ["2.590", "90.141", "mass"]),
    "02_diagnostics": (7, ["converged: every check passed", "not converged: largest R-hat",
                           "largest R-hat", "effective number of parameters"]),
    "03_loss": (7, ["gridded NPP × observed f_BNPP", "Boreal forests", "P(share lost is smaller)"]),
    "04_maps": (6, ["random forests", "inside the area of applicability, I_bulk", "All land"]),
    "05_your_own_data": (2, ["did you mean temperate_forests?", "looks like fraction modern",
                             "missing column: sample_year", "has a decimal comma",
                             "depth is counted downward in cm", "no sample year",
                             "turnover at 20 cm, typical biome"]),
}  # fmt: skip
"""Notebook → number of pictures, and some of what must be said."""


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_and_shows_what_it_promises(
    name: str, small: dict[str, Any], tmp_path: Path
) -> None:
    notebook = executed(name, small, tmp_path)
    n_pictures, said = SHOWN[name]
    assert pictures(notebook) == n_pictures
    shown = texts(notebook)
    assert [words for words in said if words not in shown] == []
    streams = [output for output in outputs(notebook) if output.get("name") == "stderr"]
    assert [output["text"] for output in streams] == []
    assert PATH.search(shown) is None
    written = [cell.source for cell in codes(stored(name))]
    assert [cell.source for cell in codes(notebook)] == written


def test_a_cell_that_fails_is_told_and_nothing_is_stored(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, str(TOOL), "03_loss", "--to", str(tmp_path), "--set", "RUN=nowhere"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 1
    assert "RunError" in run.stderr
    assert list(tmp_path.iterdir()) == []


# --- as they are stored -----------------------------------------------------------------------


def test_there_are_five() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_valid_and_its_cells_have_ids(name: str) -> None:
    notebook = stored(name)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor >= 5) == (4, True)
    ids = [cell["id"] for cell in notebook.cells]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_begins_with_title_and_purpose_and_has_one_cell_of_parameters(name: str) -> None:
    notebook = stored(name)
    first = notebook.cells[0]
    title, purpose = first.source.split("\n\n", maxsplit=1)
    assert (first.cell_type, title.startswith("# ")) == ("markdown", True)
    assert re.search(r"minutes?\.$", purpose)
    tagged = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    (cell,) = tagged
    assert all(isinstance(line, ast.Assign) for line in ast.parse(cell.source).body)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_defines_nothing_and_uses_the_public_door(name: str) -> None:
    for cell in codes(stored(name)):
        for node in ast.walk(ast.parse(cell.source)):
            defines = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
            assert not isinstance(node, defines), cell.source
            if isinstance(node, ast.ImportFrom):
                assert not (node.module or "").startswith("bayes_rootc"), cell.source
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert node.value.id != "br" or node.attr in br.__all__, node.attr


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_stored_with_its_outputs_and_nothing_private(name: str) -> None:
    path = FOLDER / f"{name}.ipynb"
    notebook = stored(name)
    assert path.stat().st_size < MOST_BYTES
    assert pictures(notebook) == SHOWN[name][0]
    assert [cell.execution_count for cell in codes(notebook)] == [
        n + 1 for n in range(len(codes(notebook)))
    ]
    assert {output.output_type for output in outputs(notebook)}.isdisjoint({"error"})
    assert [o["text"] for o in outputs(notebook) if o.get("name") == "stderr"] == []
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags"}
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    shown = "\n".join([texts(notebook), *(cell.source for cell in notebook.cells)])
    assert PATH.search(shown) is None
    assert re.search(rf"\b{re.escape(socket.gethostname())}\b", shown) is None
    assert re.search(r" at 0x[0-9a-f]{6}", shown) is None
