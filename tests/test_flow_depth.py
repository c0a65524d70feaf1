"""Flows over depth: what leaves the panel is marked at its edge."""

from __future__ import annotations

import matplotlib as mpl
import pandas as pd

from bayes_rootc.report.figures.flow_depth import FLOW_NAMES, _mark_cut
from bayes_rootc.report.figures.style import new_figure

mpl.use("agg")


def test_intervals_that_leave_the_panel_end_in_a_triangle() -> None:
    biome = pd.DataFrame({"top_cm": [0.0, 20.0], "bottom_cm": [20.0, 40.0]})
    for name in FLOW_NAMES:
        biome[f"{name}_percent"] = 50.0
        biome[f"{name}_percent_q025"], biome[f"{name}_percent_q975"] = 10.0, 90.0
    biome.loc[0, "i_root_percent_q975"] = 300.0
    biome.loc[1, "i_loss_percent_q025"] = -400.0
    ax = new_figure(3.0, 3.0).add_subplot()
    ax.set_xlim(-20.0, 120.0)
    _mark_cut(ax, biome, "_percent")
    marks = {
        line.get_marker(): line.get_xydata().tolist() for line in ax.lines if len(line.get_xdata())
    }
    assert marks == {">": [[120.0, 7.0]], "<": [[-20.0, 33.0]]}
