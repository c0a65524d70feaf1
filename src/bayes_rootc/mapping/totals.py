"""Totals over the globe and by biome, Pg C per year, from per-draw sums of the blocks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayes_rootc.layers import BIOME_KEYS
from bayes_rootc.mapping.block import REASONS, read_sums
from bayes_rootc.mapping.statistics import FLOWS
from bayes_rootc.mapping.store import DEPTHS

GLOBE = "all"
INTERVAL = (0.025, 0.5, 0.975)
COUNTED = ("mapped", *REASONS, "gaps filled")


def totals(
    folder: Path, engines: Iterable[str], blocks: Iterable[int]
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Sum the blocks of a map.

    Parameters
    ----------
    folder : Path
    engines : iterable of str
    blocks : iterable of int
        Numbers of the blocks, in order.

    Returns
    -------
    totals : DataFrame
        engine, biome (``all``: the globe), layer, flow, mean, q025, q50, q975 (Pg C yr⁻¹); flow
        ``loss_share`` is I_loss/I_root of the totals.
    counts : dict
        Cells by what became of them.
    """
    sums: dict[tuple[str, str], Any] = {}
    counts = dict.fromkeys(COUNTED, 0)
    for number in blocks:
        for name, value in read_sums(folder, number).items():
            kind, rest = name.split(" ", 1)
            if kind == "count":
                counts[rest] += int(value)
                continue
            for biome in (BIOME_KEYS[int(rest)], GLOBE):
                sums[kind, biome] = sums.get((kind, biome), 0.0) + value
    rows = [
        row
        for engine in engines
        for biome in (GLOBE, *BIOME_KEYS)
        if (engine, biome) in sums
        for row in _rows(engine, biome, sums[engine, biome])
    ]
    return pd.DataFrame(rows), counts


def _rows(engine: str, biome: str, draws: Any) -> list[dict[str, Any]]:
    """Rows of one biome; draws (3, 8, S)."""
    flows = dict(zip(FLOWS, draws, strict=True))
    flows["loss_share"] = flows["i_loss"] / flows["i_root"]
    return [
        {"engine": engine, "biome": biome, "layer": layer, "flow": name,
         "mean": float(values[i].mean()),
         **dict(zip(("q025", "q50", "q975"), np.quantile(values[i], INTERVAL).tolist(),
                    strict=True))}
        for name, values in flows.items()
        for i, layer in enumerate(DEPTHS)
    ]  # fmt: skip
