"""Loading a stored run for the verbs that only read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayes_rootc.inference.opened import load_stored as load

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["load", "say_if_partial"]


def say_if_partial(run: xr.DataTree) -> None:
    """Print how far a fit came that was stopped."""
    attributes = run.attrs
    if attributes["status"] == "partial":
        print(
            f"partial run: the fit was stopped; used are {attributes['draws']} draws of each of "
            f"{attributes['chains']} chains that had enough, asked for were "
            f"{attributes['draws_asked']} of every chain"
        )
