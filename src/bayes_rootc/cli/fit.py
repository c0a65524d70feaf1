"""The verb ``fit``: layers in, stored run and report out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

    from bayes_rootc.inference.fit import Fit
    from bayes_rootc.spec.load import Spec

HELP = "fit a model file to layers and store the run"
EPILOG = """examples:
  fit                                     the joint model on what data there are
  fit turnover --data FOLDER              turnover only, real data
  fit --data my_layers.csv --name mine    a table of your own (turnover), kept as runs/mine
  fit stock                               one block: stock, bnpp, f_bnpp, roots
  fit --simulated 300                     a world of known truth
  fit --draws 200 --tune 300              a quick look

Without --data the environment variable BAYES_ROOTC_DATA is used, then fetched data; where there
is nothing, a simulated world is fitted, and the output says so. Exit code 0: converged; 1: the run
is stored but did not pass the gate; 2: an error that you can mend; 130: stopped (the draws made so
far are kept and `report` reads them as a partial run)."""

REMEDY = (
    "what helps: with few profiles or biomes, target_accept_sparse = 0.99 and draws = 3000 in "
    "[sampler] of a copy of the model file; docs/guide.md, section 4, has more"
)
REMEDY_UNRESOLVED = (
    "more draws do not help: widen likelihood.model_sd if it was narrowed, else read biomes and "
    "depths and not single layers"
)
NOT_CONVERGED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "model",
        nargs="?",
        help="model file or its name; if absent joint, or turnover where there are layers only",
    )
    parser.add_argument("--data", type=Path, metavar="PATH", help="data folder or table")
    parser.add_argument("--format", metavar="NAME", help="format; recognised if absent")
    parser.add_argument("--simulated", type=int, metavar="N", help="simulate about N layers")
    parser.add_argument("--world-seed", type=int, default=1, metavar="S", help="its seed")
    parser.add_argument("--name", help="name of the run; that of the model if absent")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs")
    parser.add_argument("--reports", type=Path, default=Path("reports"), help="folder of reports")
    parser.add_argument("--no-report", action="store_true", help="store the run only")
    parser.add_argument("--overwrite", action="store_true", help="replace a run of this name")
    parser.add_argument("--cores", type=int, help="chains at a time; all processors if absent")
    for name, text in (
        ("chains", "number of chains"),
        ("tune", "tuning draws of each chain"),
        ("draws", "draws of each chain"),
        ("seed", "seed of the sampler"),
    ):
        parser.add_argument(f"--{name}", type=int, help=f"{text}, instead of the model file's")


def run(args: argparse.Namespace) -> int:
    """Fit, report, print; returns the exit code."""
    from bayes_rootc.cli.run_name import folder_of
    from bayes_rootc.data.source import default_model, find_source
    from bayes_rootc.inference.fit import fit_model, is_current, open_run
    from bayes_rootc.inference.progress import Progress
    from bayes_rootc.report.kinds import kind_of
    from bayes_rootc.report.sensitivity import with_sensitivity
    from bayes_rootc.report.write import write_report
    from bayes_rootc.spec.load import load_spec
    from bayes_rootc.spec.locate import find_model

    model = args.model
    if model is None:
        model = "joint" if args.simulated is not None else default_model(args.data)
    spec = _with_sampler(load_spec(find_model(model)), args)
    source = find_source(
        spec, args.data, format=args.format, simulated=args.simulated, world_seed=args.world_seed
    )
    _say(source.text)
    folder = folder_of(args.runs, args.name or Path(model).stem, "--runs")
    if is_current(folder, spec, source.inputs):
        _say(f"{folder} holds just this fit already (same model, data, seed and version)")
        fit = open_run(folder)
    else:
        fit = fit_model(
            spec,
            source.inputs,
            folder,
            overwrite=args.overwrite,
            cores=args.cores,
            say=_say,
            progress=Progress(),
        )
    stored = kind_of(fit.run).prepare(with_sensitivity(fit.run, folder))
    _summarise(fit, stored)
    if not args.no_report:
        page = write_report(stored, fit.diagnostics, args.reports / folder.name)
        _say(f"report: {page}")
    return 0 if fit.diagnostics["passed"] else NOT_CONVERGED


def _with_sampler(spec: Spec, args: argparse.Namespace) -> Spec:
    """Replace settings of the sampler by those of the command line, checked like the file's."""
    from bayes_rootc.spec.load import with_sampler

    given = {
        name: getattr(args, name)
        for name in ("chains", "tune", "draws", "seed")
        if getattr(args, name) is not None
    }
    return with_sampler(spec, given, where="command line")


def _remedy(verdict: str) -> str:
    from bayes_rootc.inference.gate import UNRESOLVED

    return REMEDY_UNRESOLVED if verdict.startswith(UNRESOLVED) else REMEDY


def _summarise(fit: Fit, stored: xr.DataTree) -> None:
    from bayes_rootc.report.kinds import kind_of
    from bayes_rootc.report.tables import population_table
    from bayes_rootc.report.text import render_text

    marks = " (SIMULATED)" if stored.attrs["source"] == "simulated" else ""
    population = population_table(stored)
    by_component = population["parameter"].str.contains("[", regex=False)
    _say(f"\nPopulation parameters{marks}")
    _say(_population(population[~by_component]))
    if by_component.any():
        _say(f"and {by_component.sum()} weights of covariates, which the report lists")
    _say(f"\n{render_text(kind_of(stored).key_table(stored))}")
    seconds = fit.diagnostics.get("sampling_seconds")
    twice = ", in two attempts" if fit.diagnostics.get("attempts") == 2 else ""
    took = f" (sampled in {seconds:.0f} s{twice})" if seconds else ""
    _say(f"\n{fit.diagnostics['verdict']}{took}")
    if not fit.diagnostics["passed"]:
        _say(_remedy(fit.diagnostics["verdict"]))
    _say(f"run: {fit.folder}")


def _population(table: Any) -> str:
    columns = ["parameter", "mean", "sd", "q05", "q95", "r_hat", "ess_bulk", "ess_tail", "truth"]
    shown = table[[name for name in columns if name in table]]
    digits = {"ess_bulk": "{:.0f}", "ess_tail": "{:.0f}"}
    formats = {name: digits.get(name, "{:.3f}").format for name in shown.columns[1:]}
    return str(shown.to_string(index=False, formatters=formats))


def _say(text: str) -> None:
    print(text, flush=True)
