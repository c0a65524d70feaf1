"""From a specification and layers to a stored run; each step can be taken up again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from bayes_rootc.data.inputs import Inputs, as_inputs
from bayes_rootc.data.table_data import TableData
from bayes_rootc.errors import RunError
from bayes_rootc.files import replacing, write_text
from bayes_rootc.inference.gate import judge, summarise
from bayes_rootc.inference.kinds import Kind, kind_of
from bayes_rootc.inference.power_scaling import write_power_scaling
from bayes_rootc.inference.progress import Progress
from bayes_rootc.inference.run_folder import (
    RunFolder,
    begin,
    forget_previous,
    read_certificate,
    read_inputs,
    refuse_if_running,
    write_certificate,
)
from bayes_rootc.inference.sampling import Draws, compile_model, read_draws, sample_with_retry
from bayes_rootc.inference.store import load_run, peak_memory_gib, write_tree
from bayes_rootc.models.assemble import atmosphere_hash, atmosphere_of
from bayes_rootc.radiocarbon.table import Input
from bayes_rootc.spec.load import Spec, spec_hash
from bayes_rootc.version import __version__

Say = Callable[[str], None]


@dataclass(frozen=True)
class Fit:
    """A finished run.

    Attributes
    ----------
    folder : Path
    run : DataTree
    diagnostics : dict
        Outcome of the gate.
    """

    folder: Path
    run: xr.DataTree
    diagnostics: dict[str, Any]


def is_current(
    path: Path, spec: Spec, data: Inputs | TableData, data_folder: Path | None = None
) -> bool:
    """Tell whether a folder holds the whole fit of just this spec, data, atmosphere, version."""
    folder, inputs = RunFolder(path), as_inputs(data, data_folder)
    try:
        certificate = read_certificate(folder)
        load_run(path)
    except RunError:
        return False
    wanted = {
        "status": "complete",
        "spec_hash": spec_hash(spec),
        "data_hash": inputs.data_hash,
        "version": __version__,
        "atmosphere_hash": _atmosphere(atmosphere_of(spec, inputs.folder)),
    }
    return all(certificate.get(name) == value for name, value in wanted.items())


def fit_model(
    spec: Spec,
    data: Inputs | TableData,
    path: Path,
    *,
    data_folder: Path | None = None,
    overwrite: bool = False,
    cores: int | None = None,
    say: Say = lambda _: None,
    progress: Progress | None = None,
) -> Fit:
    """Fit a model and store the run; what diverges is sampled once more, with shorter steps.

    Parameters
    ----------
    spec : Spec
    data : Inputs or TableData
        Layers are enough for the turnover model.
    path : Path
        Folder of the run.
    data_folder : Path, optional
        Holds the monthly atmosphere, where ``data`` are layers only; the packaged tables otherwise.
    overwrite : bool
        Replace a run that is there.
    cores : int, optional
        Chains at a time.
    say : callable
        Receives one line about each step.
    progress : Progress, optional
        Receives the progress of the sampler.

    Raises
    ------
    RunError
        If the folder holds something else, or a run and ``overwrite`` is not set.
    SamplingInterrupted
        On Ctrl-C; the draws made so far are kept.
    WriteError
        If the results cannot be written.
    """
    folder, inputs, kind = RunFolder(path), as_inputs(data, data_folder), kind_of(spec)
    _make_way(folder, overwrite)
    clock = time.monotonic()
    problem = kind.assemble(spec, inputs)
    for note in problem.notes:
        say(f"note: {note}")
    hashed = _atmosphere(kind.received(problem))
    certificate = begin(folder, spec, inputs, atmosphere_hash=hashed)
    say(
        f"{kind.text(problem)} in {time.monotonic() - clock:.0f} s; compiling (a minute or so the "
        "first time, partly cached later)"
    )
    clock = time.monotonic()
    compiled = compile_model(kind.build(spec, problem))
    compiled_in = time.monotonic() - clock
    say(f"compiled in {compiled_in:.0f} s; sampling")
    draws = sample_with_retry(
        compiled,
        spec.sampler,
        target_accept=kind.target_accept(spec.sampler, problem),
        divergences_max=spec.gate.divergences_max,
        say=say,
        checkpoint=folder.draws,
        cores=cores,
        progress=progress,
    )
    say(f"sampled in {draws.seconds:.0f} s; deriving results, writing {folder.fit}")
    timing = {
        "compile_seconds": compiled_in,
        "sampling_seconds": draws.seconds,
        "attempts": draws.attempts,
    }
    return _finish(folder, spec, problem, draws, certificate | {"timing": timing})


def _atmosphere(received: Input | None) -> str:
    return "none" if received is None else atmosphere_hash(received)


def finish_partial(path: Path) -> Fit:
    """Make a stored run of the draws that a killed or interrupted fit has left.

    Raises
    ------
    RunError
        If the folder is no run or its inputs were changed.
    SamplingError
        If there are too few draws.
    """
    folder = RunFolder(path)
    refuse_if_running(folder)
    certificate = read_certificate(folder)
    spec, inputs = read_inputs(folder, certificate)
    draws = read_draws(folder.draws)
    kind = kind_of(spec)
    problem = kind.assemble(spec, inputs)
    if _atmosphere(kind.received(problem)) != certificate["atmosphere_hash"]:
        raise RunError(
            f"{path}: the atmosphere tables in {inputs.folder or 'the package'} are not those of "
            "the fit; restore them or fit again"
        )
    timing = {"compile_seconds": None, "sampling_seconds": None, "attempts": None}
    return _finish(folder, spec, problem, draws, certificate | {"timing": timing})


def open_run(path: Path) -> Fit:
    """Load a run; one that was stopped is first made a partial run of its draws.

    Raises
    ------
    RunError
        If the folder is no run or cannot be read.
    SamplingError
        If the fit was stopped before it had enough draws.
    """
    if read_certificate(RunFolder(path))["status"] == "sampling":
        return finish_partial(path)
    run, diagnostics = load_run(path)
    return Fit(path, run, diagnostics)


def _finish(
    folder: RunFolder,
    spec: Spec,
    problem: Any,
    draws: Draws,
    certificate: dict[str, Any],
) -> Fit:
    kind: Kind = kind_of(spec)
    diagnosed = kind.diagnosed(problem, draws.posterior)
    summary = summarise(diagnosed)
    verdict = judge(
        diagnosed, draws.sample_stats, spec.gate, summary, layer_spread=kind.layer_spread
    )
    tree = kind.tree(spec, problem, draws, certificate)
    diagnostics = {**verdict.as_dict(), **certificate["timing"]}
    write_tree(tree, folder.fit)
    if "log_prior" in tree.children:
        write_power_scaling(tree, folder.path)
    status = "complete" if draws.complete else "partial"
    labels = {"source": certificate["source"], "status": status}
    with replacing(folder.summary) as beside:
        summary.assign(**labels).to_csv(beside)
    diagnostics |= labels | {"peak_memory_gib": peak_memory_gib()}
    write_text(folder.diagnostics, json.dumps(diagnostics, indent=1, ensure_ascii=False) + "\n")
    write_certificate(folder, certificate | {"status": status})
    if draws.complete:
        folder.draws.unlink(missing_ok=True)
    forget_previous(folder)
    return Fit(folder.path, tree, diagnostics)


def _make_way(folder: RunFolder, overwrite: bool) -> None:
    if not folder.path.exists():
        return
    if not folder.path.is_dir():
        raise RunError(f"{folder.path}: is a file; a run needs a folder of its own")
    if not folder.certificate.is_file() and any(folder.path.iterdir()):
        raise RunError(f"{folder.path}: holds other files; choose another folder for the run")
    if folder.certificate.is_file() and not overwrite:
        raise RunError(
            f"{folder.path}: holds a run already; choose another name (--name) or --overwrite it"
        )
    if folder.certificate.is_file():
        refuse_if_running(folder)
