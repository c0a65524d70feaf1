"""What is stored: its tables and figures, losses, two runs side by side, reports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bayes_rootc.errors import RunError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bayes_rootc.report.results import Results


def results(folder: Path | str) -> Results:
    """Open a stored run, learning run or map, with the tables and figures of its report.

    Returns
    -------
    Results
        ``.contents()`` lists what there is, ``.table(NAME)`` gives a DataFrame, ``.figure(NAME)``
        a matplotlib figure that notebooks show; ``.stored`` is the DataTree of a run.

    Raises
    ------
    RunError
        If the folder holds none of them, or cannot be read.
    """
    from bayes_rootc.report.results import open_results

    return open_results(Path(folder))


def losses(
    run: xr.DataTree | Path | str,
    *,
    seed: int | None = None,
    plugins: Sequence[str] = (),
    to: Path | str | None = None,
) -> pd.DataFrame:
    """I_root, I_bulk and I_loss of a joint run by estimate, statistic, biome and layer.

    Parameters
    ----------
    run : DataTree or path
    seed : int, optional
        Of the residuals of sites where something was not measured; the run's own by default.
    plugins : sequence of str
        Modules that register estimates of their own.
    to : path, optional
        Folder to write tables and figures to.

    Returns
    -------
    DataFrame
        Columns as of :func:`bayes_rootc.loss.tables.loss_table`; Mg C ha⁻¹ yr⁻¹.

    Raises
    ------
    RunError
        If the run is none, or lacks a block.
    """
    from bayes_rootc.plugins import import_plugins
    from bayes_rootc.report.losses import losses as _losses
    from bayes_rootc.report.losses import with_losses
    from bayes_rootc.report.write import write_losses

    import_plugins(plugins)
    run = with_losses(_tree(run), seed)
    found = _losses(run)
    if to is not None:
        write_losses(run, to)
    return found


def compare_runs(one: xr.DataTree | Path | str, other: xr.DataTree | Path | str) -> pd.DataFrame:
    """Parameters that two runs share, the largest difference first.

    Returns
    -------
    DataFrame
        As of :func:`bayes_rootc.report.compare.parameters_of_both`; columns ending in ``_1`` are of
        the first run.

    Raises
    ------
    RunError
        If the runs share no parameter.
    """
    from bayes_rootc.report.compare import parameters_of_both

    return parameters_of_both(_tree(one), _tree(other))


def write_report(
    run: Path | str,
    folder: Path | str,
    *,
    compare: Path | str | None = None,
    plugins: Sequence[str] = (),
) -> Path:
    """Write the report of a stored run, learning run or map; nothing is fitted.

    Parameters
    ----------
    run : path
    folder : path
        Where to write.
    compare : path, optional
        Another run of the same model, to be set beside this one.
    plugins : sequence of str
        Modules that register estimates of their own.

    Returns
    -------
    Path
        The HTML file.

    Raises
    ------
    RunError
        If there is no such run, or the two are not alike.
    WriteError
        If a file cannot be written.
    """
    from bayes_rootc.inference.opened import load_stored
    from bayes_rootc.plugins import import_plugins
    from bayes_rootc.report.compare import run_names, write_comparison
    from bayes_rootc.report.results import write_results

    import_plugins(plugins)
    if compare is None:
        return write_results(Path(run), Path(folder))
    if Path(run).resolve() == Path(compare).resolve():
        raise RunError(f"compare = {compare}: is the run itself; name another one")
    paths = Path(run), Path(compare)
    named = zip(run_names(*paths), paths, strict=True)
    pair = [(name, *load_stored(path)) for name, path in named]
    return write_comparison(pair[0], pair[1], folder)


def _tree(run: xr.DataTree | Path | str) -> xr.DataTree:
    from bayes_rootc.inference.opened import load_stored

    return load_stored(Path(run))[0] if isinstance(run, Path | str) else run
