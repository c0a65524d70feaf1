"""The gate: what the diagnostics must show before a fit is called converged."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import arviz_stats as azs
import numpy as np
import pandas as pd
import xarray as xr

from bayes_rootc.radiocarbon.quadrature import SMALLEST_TAU
from bayes_rootc.spec.turnover import GateSection

UNRESOLVED = "converged, but tau"
"""Begins the verdict where all that fails is that layers scatter less than nodes resolve."""

POPULATION = (
    "alpha", "beta", "gamma", "sigma_biome", "sigma_slope", "sigma_profile", "tau", "shape",
    "shape_slope", "a_biome", "s_biome",
)  # fmt: skip
"""Parameters of the turnover model that the gate looks at; single profiles are left to the eye."""

MATRIX = 2
NO_SPREAD = 1e-9


@dataclass(frozen=True)
class Check:
    """One line of the gate: the worst value found, where, and what was asked."""

    name: str
    text: str
    value: float
    threshold: float
    worst: str
    passed: bool


@dataclass(frozen=True)
class Verdict:
    """Outcome of the gate.

    Attributes
    ----------
    passed : bool
    verdict : str
        One plain sentence.
    checks : tuple of Check
    """

    passed: bool
    verdict: str
    checks: tuple[Check, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the content of ``diagnostics.json``, with the key figures at its top."""
        by_name = {check.name: check.value for check in self.checks}
        return {
            "passed": self.passed,
            "verdict": self.verdict,
            "r_hat_max": by_name["r_hat"],
            "ess_bulk_min": by_name["ess_bulk"],
            "ess_tail_min": by_name["ess_tail"],
            "divergences": int(by_name["divergences"]),
            "e_bfmi_min": by_name["e_bfmi"],
            "checks": [asdict(check) for check in self.checks],
        }


def population(posterior: xr.Dataset) -> xr.Dataset:
    """Return the draws of the turnover model without those of single profiles."""
    return posterior[[name for name in POPULATION if name in posterior]]


def summarise(posterior: xr.Dataset) -> pd.DataFrame:
    """Summary of the population parameters: mean, sd, 90 % interval, R-hat, ESS.

    Parameters
    ----------
    posterior : Dataset
        Draws with dimensions chain, draw, ... of what is to be summarised.

    Returns
    -------
    DataFrame
        One row a parameter such as ``a_biome[tundra]``; columns mean, sd, q05, q50, q95, r_hat,
        ess_bulk, ess_tail.
    """
    rows = {}
    for name, array in posterior.data_vars.items():
        for label, values in _scalars(str(name), array):
            q05, q50, q95 = np.quantile(values, [0.05, 0.5, 0.95])
            rows[label] = {
                "mean": values.mean(),
                "sd": values.std(ddof=1),
                "q05": q05,
                "q50": q50,
                "q95": q95,
                "r_hat": _single("rhat", values) if len(values) > 1 else float("nan"),
                "ess_bulk": _single("ess", values, method="bulk"),
                "ess_tail": _single("ess", values, method="tail", prob=(0.05, 0.95)),
            }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index.name = "parameter"
    return table


def judge(
    posterior: xr.Dataset,
    sample_stats: xr.Dataset,
    gate: GateSection,
    summary: pd.DataFrame,
    *,
    layer_spread: str = "tau",
) -> Verdict:
    """Hold the diagnostics against the thresholds.

    Parameters
    ----------
    posterior, sample_stats : Dataset
        Draws and sampler statistics.
    gate : GateSection
        Thresholds.
    summary : DataFrame
        From :func:`summarise`, of the parameters that have data.
    layer_spread : str
        Name of the standard deviation of ln k within profiles, which the quadrature must
        resolve; a model without radiocarbon has none.
    """
    energy = sample_stats["energy"].to_numpy()
    bfmi = _e_bfmi(energy)
    divergences = sample_stats["diverging"].to_numpy().sum(axis=1)
    checks = (
        _largest("r_hat", "largest R-hat", summary["r_hat"], gate.r_hat_max),
        _smallest("ess_bulk", "smallest bulk ESS", summary["ess_bulk"], gate.ess_min),
        _smallest("ess_tail", "smallest tail ESS", summary["ess_tail"], gate.ess_min),
        _largest("divergences", "divergences", pd.Series([int(divergences.sum())], ["all chains"]),
                 gate.divergences_max),
        _smallest("e_bfmi", "smallest E-BFMI",
                  pd.Series(bfmi, [f"chain {i}" for i in range(len(bfmi))]), gate.e_bfmi_min),
        *_resolved(posterior, layer_spread),
    )  # fmt: skip
    failed = [check for check in checks if not check.passed]
    if [check.name for check in failed] == ["tau_range"]:
        verdict = (
            f"{UNRESOLVED} reaches down to {failed[0].value:.2f}: below {SMALLEST_TAU:g} the "
            "quadrature is approximate; the layers scatter less than the table resolves"
        )
    elif not failed:
        verdict = "converged: every check passed"
    else:
        reasons = "; ".join(
            f"{check.text} {check.value:.4g} ({check.worst}), asked for {check.threshold:g}"
            for check in failed
        )
        verdict = f"not converged: {reasons}"
    return Verdict(not failed, verdict, checks)


def _resolved(posterior: xr.Dataset, layer_spread: str) -> tuple[Check, ...]:
    if layer_spread not in posterior:
        return ()
    low = float(posterior[layer_spread].quantile(0.05))
    text = "5 % quantile of tau (quadrature is exact from here on)"
    return (_smallest("tau_range", text, pd.Series([low], [layer_spread]), SMALLEST_TAU),)


def _scalars(name: str, array: xr.DataArray) -> list[tuple[str, np.ndarray]]:
    """Every scalar of a variable with its label; entries that are constant (a diagonal) are not."""
    values = array.to_numpy()
    own = [array[dim].to_numpy() for dim in array.dims[2:]]
    found = []
    for index in np.ndindex(*values.shape[2:]):
        label = ", ".join(str(labels[i]) for labels, i in zip(own, index, strict=True))
        scalar = values[:, :, *index]
        if len(index) < MATRIX or np.ptp(scalar) > NO_SPREAD:
            found.append((f"{name}[{label}]" if label else name, scalar))
    return found


def _single(function: str, values: np.ndarray, **kwargs: Any) -> float:
    if values.shape[1] < 4:
        return float("nan")
    return float(getattr(azs, function)(values, **kwargs))


def _e_bfmi(energy: np.ndarray) -> np.ndarray:
    """Energy Bayesian fraction of missing information of each chain (Betancourt 2016)."""
    changes = np.square(np.diff(energy, axis=1)).mean(axis=1)
    return np.asarray(changes / energy.var(axis=1))


def _largest(name: str, text: str, values: pd.Series, threshold: float) -> Check:
    return _check(
        name, text, values, threshold, worst=values.idxmax, passes=lambda v: v <= threshold
    )


def _smallest(name: str, text: str, values: pd.Series, threshold: float) -> Check:
    return _check(
        name, text, values, threshold, worst=values.idxmin, passes=lambda v: v >= threshold
    )


def _check(
    name: str, text: str, values: pd.Series, threshold: float, *, worst: Any, passes: Any
) -> Check:
    # A diagnostic that cannot be computed has not been passed.
    if values.isna().any():
        label = str(values.index[values.isna()][0])
        return Check(name, text, float("nan"), float(threshold), label, False)
    label = str(worst())
    value = float(values[label]) if label in values.index else float(values.iloc[0])
    return Check(name, text, value, float(threshold), label, bool(passes(value)))
