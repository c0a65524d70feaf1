"""The verb ``report``: tables, figures and pages of a stored run; nothing is fitted."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

HELP = "write the report (HTML, Markdown, figures, tables) of a stored run"

EPILOG = """\
examples:
  python -m bayes_rootc report runs/first
  python -m bayes_rootc report runs/first --output /tmp/first

The HTML is one file that needs no network. Nothing is fitted: the numbers are those of the run.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument("run", metavar="RUN", type=Path, help="folder of a run, as in runs/NAME")
    parser.add_argument(
        "--output",
        metavar="FOLDER",
        type=Path,
        help="where to write (default: reports/NAME, with the name of the run)",
    )


def run(args: argparse.Namespace) -> int:
    """Write the report and print where it is; the exit code is 0 even if the gate failed."""
    from bayes_rootc.report.write import write_report

    stored, diagnostics = _load(args.run)
    if stored.attrs["status"] == "partial":
        attributes = stored.attrs
        print(
            f"partial run: the fit was stopped; {attributes['chains']} chains of "
            f"{attributes['draws']} draws are used, {attributes['draws_asked']} were asked for"
        )
    folder = args.output or Path("reports") / args.run.resolve().name
    print(write_report(stored, diagnostics, folder))
    return 0


def _load(path: Path) -> tuple[xr.DataTree, dict[str, Any]]:
    from bayes_rootc.inference.run_folder import RunFolder, read_certificate
    from bayes_rootc.inference.store import load_run

    if read_certificate(RunFolder(path))["status"] != "sampling":
        return load_run(path)
    # Only a fit that was stopped needs the sampler's libraries, to read back its draws.
    from bayes_rootc.inference.fit import open_run

    opened = open_run(path)
    return opened.run, opened.diagnostics
