"""Totals over the globe and by biome, Pg C per year, from per-draw sums of the blocks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayes_rootc.layers import BIOME_KEYS
from bayes_rootc.mapping.block import AREA, COUNT, FLOW, NPP, ROOT, read_sums
from bayes_rootc.mapping.cells import COUNTED
from bayes_rootc.mapping.statistics import FLOWS
from bayes_rootc.mapping.store import DEPTHS
from bayes_rootc.units import Floats

GLOBE = "all"
INTERVAL = {"q025": 0.025, "q50": 0.5, "q975": 0.975}


@dataclass(frozen=True)
class Totals:
    """Sums of a map.

    Attributes
    ----------
    flows : DataFrame
        engine, biome (``all``: the globe), layer, flow, mean, q025, q50, q975 (Pg C yr⁻¹); flow
        ``loss_share`` is I_loss/I_root of the totals.
    npp : DataFrame
        engine, biome, ``gridded_npp`` (Pg C yr⁻¹), and of I_root over the same cells mean, q025,
        q50, q975 and ``p_above``, the part of its draws above gridded NPP; ``area_above``, the
        part of the area where the median of the cell is; ``i_root_elsewhere``, median of I_root
        over the cells without gridded NPP. No rows where no cell has it.
    counts : dict
        Cells by what became of them.
    """

    flows: pd.DataFrame
    npp: pd.DataFrame
    counts: dict[str, int]


def totals(folder: Path, engines: Iterable[str], blocks: Iterable[int]) -> Totals:
    """Sum the blocks of a map.

    Parameters
    ----------
    folder : Path
    engines : iterable of str
    blocks : iterable of int
        Numbers of the blocks, in order.

    Raises
    ------
    RunError
        If the sums of a block cannot be read.
    """
    sums: dict[tuple[str, str], Any] = {}
    counts = dict.fromkeys(COUNTED, 0)
    for number in blocks:
        for name, value in read_sums(folder, number).items():
            kind, rest = name.split(" ", 1)
            if kind == COUNT:
                counts[rest] += int(value)
                continue
            *what, biome = name.split(" ")
            for where in (BIOME_KEYS[int(biome)], GLOBE):
                key = (" ".join(what), where)
                sums[key] = sums.get(key, 0.0) + value
    flows, npp = [], []
    for engine in engines:
        for biome in (GLOBE, *BIOME_KEYS):
            if (f"{FLOW} {engine}", biome) in sums:
                flows += _rows(engine, biome, sums[f"{FLOW} {engine}", biome])
            if (f"{ROOT} {engine}", biome) in sums:
                root, of_grid = sums[f"{ROOT} {engine}", biome], float(sums[NPP, biome])
                elsewhere = sums[f"{FLOW} {engine}", biome][FLOWS.index("i_root"), -1] - root
                row = {"engine": engine, "biome": biome, "gridded_npp": of_grid, **_summary(root)}
                row["p_above"] = float((root > of_grid).mean())
                over, area = sums[f"{AREA} {engine}", biome]
                row["area_above"] = float(over / area) if area else np.nan
                npp.append({**row, "i_root_elsewhere": float(np.median(elsewhere))})
    return Totals(pd.DataFrame(flows), pd.DataFrame(npp), counts)


def _rows(engine: str, biome: str, draws: Any) -> list[dict[str, Any]]:
    """Rows of one biome; draws (3, 8, S)."""
    flows = dict(zip(FLOWS, draws, strict=True))
    # 0/0 where no cell has a part of land: a share that nobody knows.
    with np.errstate(invalid="ignore"):
        flows["loss_share"] = flows["i_loss"] / flows["i_root"]
    return [
        {"engine": engine, "biome": biome, "layer": layer, "flow": name, **_summary(values[i])}
        for name, values in flows.items()
        for i, layer in enumerate(DEPTHS)
    ]


def _summary(draws: Floats) -> dict[str, float]:
    quantiles = np.quantile(draws, [*INTERVAL.values()]).tolist()
    return {"mean": float(draws.mean()), **dict(zip(INTERVAL, quantiles, strict=True))}
