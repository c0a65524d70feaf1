"""Root carbon that the soil keeps or loses: turnover from radiocarbon, inputs, losses, maps.

The names below are all that the package promises; each is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from bayes_rootc.version import __version__

if TYPE_CHECKING:
    from bayes_rootc.api.fits import crossval, explain, fit, load_run, sensitivity
    from bayes_rootc.api.learning import learn, learn_crossval, load_learned
    from bayes_rootc.api.maps import (
        build_grid,
        check_grid,
        export_maps,
        maps,
        plan_maps,
        plot_applicability,
    )
    from bayes_rootc.api.samples import forward_curve, plot_curves, plot_turnover, turnover
    from bayes_rootc.api.stored import compare_runs, losses, results, write_report
    from bayes_rootc.api.structures import compare_structures
    from bayes_rootc.api.tables import (
        check_layers,
        fetch_data,
        find_data,
        read_layers,
        simulate_world,
        template,
        template_columns,
    )

__all__ = [
    "__version__",
    "build_grid",
    "check_grid",
    "check_layers",
    "compare_runs",
    "compare_structures",
    "crossval",
    "explain",
    "export_maps",
    "fetch_data",
    "find_data",
    "fit",
    "forward_curve",
    "learn",
    "learn_crossval",
    "load_learned",
    "load_run",
    "losses",
    "maps",
    "plan_maps",
    "plot_applicability",
    "plot_curves",
    "plot_turnover",
    "read_layers",
    "results",
    "sensitivity",
    "simulate_world",
    "template",
    "template_columns",
    "turnover",
    "write_report",
]

_HOMES = {
    "fits": ("crossval", "explain", "fit", "load_run", "sensitivity"),
    "learning": ("learn", "learn_crossval", "load_learned"),
    "maps": (
        "build_grid", "check_grid", "export_maps", "maps", "plan_maps", "plot_applicability",
    ),
    "samples": ("forward_curve", "plot_curves", "plot_turnover", "turnover"),
    "stored": ("compare_runs", "losses", "results", "write_report"),
    "structures": ("compare_structures",),
    "tables": (
        "check_layers", "fetch_data", "find_data", "read_layers", "simulate_world", "template",
        "template_columns",
    ),
}  # fmt: skip
"""Module of :mod:`bayes_rootc.api` → the names that it holds."""


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used: importing the package stays cheap."""
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"bayes_rootc.api.{module}"), name)
    raise AttributeError(f"module 'bayes_rootc' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
