"""Root carbon that the soil keeps or loses: turnover from radiocarbon, inputs, losses, maps.

The names below are all that the package promises; each is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bayes_rootc.version import __version__

if TYPE_CHECKING:
    from bayes_rootc.api import (
        check_layers,
        fit,
        forward_curve,
        learn,
        load_run,
        losses,
        maps,
        read_layers,
        simulate_world,
        turnover,
        write_report,
    )

__all__ = [
    "__version__",
    "check_layers",
    "fit",
    "forward_curve",
    "learn",
    "load_run",
    "losses",
    "maps",
    "read_layers",
    "simulate_world",
    "turnover",
    "write_report",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used: importing the package stays cheap."""
    if name in __all__:
        from bayes_rootc import api

        return getattr(api, name)
    raise AttributeError(f"module 'bayes_rootc' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
