"""Execute the notebooks with other parameters than they name, and store what they show.

    python tools/run_notebooks.py                                   all, with their own parameters
    python tools/run_notebooks.py 03_loss --set RUN=PATH            one, with another run
    python tools/run_notebooks.py --set RUN=PATH --to FOLDER        beside, not in place

The cell tagged "parameters" is kept as it was written. Values are Python literals, or else text;
relative paths start in notebooks/; what a notebook does not name is not its own. WORK is a folder
that is thrown away, unless it is set. What is stored depends on the results alone: no times, no
names of machines, and of a path that was set only the one that the notebook names.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from traitlets.config import Config

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
TAG = "parameters"
SECONDS_A_CELL = 1800
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
AT = re.compile(r" at 0x[0-9a-f]+")


def parameters_cell(notebook: Any) -> Any:
    """Return the one cell that is tagged; anything but one is a ValueError."""
    found = [cell for cell in notebook.cells if TAG in cell.metadata.get("tags", [])]
    if len(found) != 1:
        raise ValueError(f"{len(found)} cells are tagged {TAG!r}; it must be one")
    return found[0]


def parameters_of(notebook: Any) -> dict[str, Any]:
    """Read the names of the tagged cell and the literals that they are set to."""
    return {
        target.id: ast.literal_eval(line.value)
        for line in ast.parse(parameters_cell(notebook).source).body
        if isinstance(line, ast.Assign)
        for target in line.targets
        if isinstance(target, ast.Name)
    }


def execute(notebook: Any, values: Mapping[str, Any], folder: Path) -> Any:
    """Return the notebook executed in a folder, with what it names of ``values`` in place.

    Raises
    ------
    CellExecutionError
        If a cell fails.
    """
    written = parameters_of(notebook)
    given = {name: value for name, value in values.items() if name in written}
    cell = parameters_cell(notebook)
    source = cell.source
    cell.source = "\n".join(f"{name} = {value!r}" for name, value in (written | given).items())
    with tempfile.TemporaryDirectory() as sockets:
        # Notebook and kernel talk through files, not through ports that others could listen to.
        manager = {"transport": "ipc", "ip": f"{sockets}/kernel"}
        client = NotebookClient(
            notebook, timeout=SECONDS_A_CELL, kernel_name="python3", record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": str(folder)}},
            config=Config({"KernelManager": manager}),
        )  # fmt: skip
        client.execute(env=_environment())
    cell.source = source
    notebook.metadata = METADATA
    hidden = {
        str(value): str(written[name])
        for name, value in given.items()
        if isinstance(value, str) and os.sep in value
    }
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [_plain(output, hidden) for output in cell.outputs]
    return notebook


def _environment() -> dict[str, str]:
    """Variables of this process; this checkout comes first, and the kernel chooses how to draw."""
    paths = filter(None, (str(ROOT / "src"), os.environ.get("PYTHONPATH")))
    kept = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    return kept | {"PYTHONPATH": os.pathsep.join(paths)}


def _plain(output: Any, hidden: Mapping[str, str]) -> Any:
    """Take places and addresses out of what a cell shows, pictures aside."""
    if "text" in output:
        output["text"] = _cleaned(output["text"], hidden)
    for kind, content in output.get("data", {}).items():
        if isinstance(content, str) and not kind.startswith("image/"):
            output["data"][kind] = _cleaned(content, hidden)
    return output


def _cleaned(text: str, hidden: Mapping[str, str]) -> str:
    for path, name in sorted(hidden.items(), key=lambda pair: -len(pair[0])):
        text = text.replace(path, name)
    return AT.sub("", text)


def main(argv: Sequence[str] | None = None) -> int:
    """Execute and store; the exit code is 1 if a cell failed, and that notebook stays as it was."""
    parser = argparse.ArgumentParser(description="Execute the notebooks and store what they show.")
    parser.add_argument("names", nargs="*", help="notebooks, as 03_loss; all if absent")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="given")
    parser.add_argument("--to", type=Path, default=NOTEBOOKS, help="folder for what is executed")
    args = parser.parse_args(argv)
    values = dict(_parsed(one, parser) for one in args.given)
    names = args.names or [path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb"))]
    failed = False
    for name in names:
        notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
        with tempfile.TemporaryDirectory() as scratch:
            try:
                made = execute(notebook, {"WORK": scratch} | values, NOTEBOOKS)
            except CellExecutionError as error:
                print(f"{name}: {error}", file=sys.stderr)
                failed = True
                continue
        nbformat.validate(made)
        args.to.mkdir(parents=True, exist_ok=True)
        nbformat.write(made, args.to / f"{name}.ipynb")
        print(f"{args.to / name}.ipynb")
    return int(failed)


def _parsed(text: str, parser: argparse.ArgumentParser) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        parser.error(f"--set {text}: must be NAME=VALUE")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


if __name__ == "__main__":
    sys.exit(main())
