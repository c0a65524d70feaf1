"""How much results depend on the settings of the atmosphere: the same data fitted again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bayes_rootc.errors import RunError
from bayes_rootc.files import replacing
from bayes_rootc.inference.fit import Fit, fit_model, is_current, open_run
from bayes_rootc.inference.progress import Progress
from bayes_rootc.inference.run_folder import RunFolder, read_certificate, read_inputs
from bayes_rootc.spec.load import Spec, dump_spec, parse_spec


@dataclass(frozen=True)
class Setting:
    """A change of the atmosphere section of the turnover model, and its name for people."""

    text: str
    changes: Mapping[str, Any]


SETTINGS = {
    "calibrated": Setting("pool integrates IntCal20/SHCal20", {"initial": "calibrated"}),
    "lag_5": Setting("5 years between photosynthesis and soil", {"lag": 5.0}),
    "lag_10": Setting("10 years between photosynthesis and soil", {"lag": 10.0}),
}

SHOWN = ("i_bulk_total_mean", "i_loss_total_mean", "loss_share_mean")
Say = Callable[[str], None]


def compare_settings(
    path: Path, *, cores: int | None = None, say: Say = lambda _: None
) -> pd.DataFrame:
    """Fit the data of a stored run again under other settings of the atmosphere.

    Runs are kept in ``settings/`` of the run's folder, so that a stopped comparison goes on where
    it stopped; ``settings.csv`` is written beside them.

    Parameters
    ----------
    path : Path
        Folder of a run with the blocks turnover, stock and bnpp.
    cores : int, optional
        Chains at a time.
    say : callable
        Receives a line about each step.

    Returns
    -------
    DataFrame
        setting, biome, and for I_bulk, I_loss (Mg C ha-1 yr-1) and the share lost: median and
        95 % interval of the mean over sites; ``converged``.

    Raises
    ------
    RunError
        If the run has no flows of biomes.
    """
    folder = RunFolder(path)
    fit = open_run(path)
    missing = [name for name in SHOWN if name not in fit.run["derived"].to_dataset()]
    if missing:
        raise RunError(f"{path}: has no {missing[0]}; fit the joint model first (fit joint)")
    spec, inputs = read_inputs(folder, read_certificate(folder))
    tables = [_flows(fit, "as fitted")]
    for name, setting in SETTINGS.items():
        changed = _with_atmosphere(spec, setting)
        target = path / "settings" / name
        say(f"{name}: {setting.text}")
        if is_current(target, changed, inputs):
            other = open_run(target)
        else:
            other = fit_model(
                changed, inputs, target, overwrite=True, cores=cores, say=say, progress=Progress()
            )
        tables.append(_flows(other, setting.text))
    table = pd.concat(tables, ignore_index=True)
    with replacing(path / "settings.csv") as beside:
        table.to_csv(beside, index=False)
    return table


def _with_atmosphere(spec: Spec, setting: Setting) -> Spec:
    content = dump_spec(spec)
    for block in content.get("blocks", [content]):
        if block["model"] == "turnover":
            block["atmosphere"] |= dict(setting.changes)
    return parse_spec(content, where="settings")


def _flows(fit: Fit, text: str) -> pd.DataFrame:
    derived = fit.run["derived"].to_dataset()
    columns: dict[str, Any] = {"setting": text, "biome": derived["biome"].to_numpy()}
    for name in SHOWN:
        low, mid, high = derived[name].quantile([0.025, 0.5, 0.975], ("chain", "draw")).to_numpy()
        columns |= {name: mid, f"{name}_q025": low, f"{name}_q975": high}
    return pd.DataFrame(columns).assign(converged=fit.diagnostics["passed"])
