"""Principal components of grid variables, by group: learned on the places, applied to new ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayes_rootc.errors import DataError
from bayes_rootc.spec.joint import CovariatesSection
from bayes_rootc.units import Floats

ROUNDING = 1e-9
"""Relative differences below it are none."""


@dataclass(frozen=True)
class Components:
    """Principal components with variance above a threshold.

    Attributes
    ----------
    names : tuple of str, length C
        Such as ``climate 1``, by falling variance within a group.
    groups : tuple of str, length C
    variables : tuple of str, length V
    log : tuple of str
        Variables that enter as ln(1 + value).
    mean, sd : ndarray, shape (V,)
        Of the variables (after the logarithm) over the pooled places.
    loadings : ndarray, shape (C, V)
        Weights of the standardised variables, unit length; 0 outside the group.
    variance : ndarray, shape (C,)
        Of the component, in units of one standardised variable.
    notes : tuple of str
        What was filled or left out.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]
    variables: tuple[str, ...]
    log: tuple[str, ...]
    mean: Floats
    sd: Floats
    loadings: Floats
    variance: Floats
    notes: tuple[str, ...]

    @property
    def n_grid(self) -> int:
        """Number of components of grid variables; predictions follow them."""
        return sum(group != PRIOR_GROUP for group in self.groups)

    def apply(self, places: pd.DataFrame) -> Floats:
        """Scores at places, unit variance over those that were learned from.

        Parameters
        ----------
        places : DataFrame
            Raw variables; a missing one takes the mean of the places learned from.

        Returns
        -------
        ndarray, shape (n, C)
        """
        standard = (_transformed(places, self.variables, self.log) - self.mean) / self.sd
        standard = np.where(np.isnan(standard), 0.0, standard)
        return np.asarray(standard @ self.loadings.T / np.sqrt(self.variance))


def learn_components(places: pd.DataFrame, section: CovariatesSection) -> Components:
    """Learn the components of each group on the pooled places.

    Parameters
    ----------
    places : DataFrame
        One row a place, raw grid variables.
    section : CovariatesSection
        Groups, logarithms, and the least variance of a component.

    Returns
    -------
    Components
        Those whose variance (eigenvalue of the correlation matrix) is above ``min_variance``
        (Kaiser 1960); the sign makes the largest loading positive.

    Raises
    ------
    DataError
        If a variable that enters by its logarithm has a value below 0.
    """
    wanted = tuple(name for names in section.groups.values() for name in names)
    raw = _transformed(places, wanted, section.log)
    mean, sd, varies, notes = _moments(raw, wanted)
    standard = (raw - mean) / sd
    standard = np.where(np.isnan(standard) | ~varies, 0.0, standard)
    names, groups, loadings, variances = [], [], [], []
    for group, members in section.groups.items():
        columns = [wanted.index(name) for name in members if varies[wanted.index(name)]]
        if not columns:
            continue
        weights, variance = _kept(standard[:, columns], section.min_variance)
        if not len(variance):
            notes.append(
                f"the covariates of the group {group} do not enter: none of its components has a "
                f"variance above {section.min_variance:g}"
            )
        full = np.zeros((len(variance), len(wanted)))
        full[:, columns] = weights
        names += [f"{group} {number}" for number in range(1, len(variance) + 1)]
        groups += [group] * len(variance)
        loadings.append(full)
        variances.append(variance)
    return Components(
        names=tuple(names),
        groups=tuple(groups),
        variables=wanted,
        log=section.log,
        mean=mean,
        sd=sd,
        loadings=np.concatenate([np.zeros((0, len(wanted))), *loadings]),
        variance=np.concatenate([np.zeros(0), *variances]),
        notes=tuple(notes),
    )


PRIOR_GROUP = "prior mean"
"""Group of the components that are predictions of a learning run."""


def add_predictions(
    components: Components, places: pd.DataFrame, columns: Mapping[str, str]
) -> Components:
    """Let predicted levels follow the components: each one its own, centred, in its own unit.

    Parameters
    ----------
    components : Components
    places : DataFrame
    columns : mapping
        Quantity → column of its prediction; a place without one gets the mean of all.

    Returns
    -------
    Components
        With ``prior mean k`` and its like after the others.
    """
    n_old, n_new = len(components.names), len(columns)
    loadings = np.zeros((n_old + n_new, len(components.variables) + n_new))
    loadings[:n_old, : len(components.variables)] = components.loadings
    loadings[n_old:, len(components.variables) :] = np.eye(n_new)
    predicted = places[list(columns.values())].to_numpy(float)
    return replace(
        components,
        names=(*components.names, *(f"{PRIOR_GROUP} {name}" for name in columns)),
        groups=(*components.groups, *[PRIOR_GROUP] * n_new),
        variables=(*components.variables, *columns.values()),
        mean=np.concatenate([components.mean, np.nanmean(predicted, axis=0)]),
        sd=np.concatenate([components.sd, np.ones(n_new)]),
        loadings=loadings,
        variance=np.concatenate([components.variance, np.ones(n_new)]),
    )


def _moments(
    raw: Floats, names: tuple[str, ...]
) -> tuple[Floats, Floats, NDArray[np.bool_], list[str]]:
    """Mean and standard deviation of each variable, whether it varies, and notes."""
    missing = np.isnan(raw).sum(axis=0)
    usable = missing < len(raw)
    mean, sd, largest = np.zeros((3, len(names)))
    mean[usable] = np.nanmean(raw[:, usable], axis=0)
    sd[usable] = np.nanstd(raw[:, usable], axis=0)
    largest[usable] = np.nanmax(np.abs(raw[:, usable]), axis=0)
    # Not sd > 0: rounding gives equal numbers a tiny one.
    varies = sd > ROUNDING * largest
    notes = [
        f"covariate {name}: {count} places without a value take the mean of all"
        for name, count in zip(names, missing, strict=True)
        if 0 < count < len(raw)
    ]
    notes += [
        f"covariate {name} is left out: it has no two different values"
        for name, kept in zip(names, varies, strict=True)
        if not kept
    ]
    return mean, np.where(varies, sd, 1.0), varies, notes


def _kept(standard: Floats, min_variance: float) -> tuple[Floats, Floats]:
    """Loadings and variances of the components of standardised variables, by falling variance."""
    _, singular, weights = np.linalg.svd(standard, full_matrices=False)
    variance = singular**2 / len(standard)
    # The variance of a lone variable is 1 up to rounding, which must not decide.
    kept = variance > min_variance * (1.0 + ROUNDING)
    weights = weights[kept]
    largest = np.take_along_axis(weights, np.abs(weights).argmax(axis=1)[:, None], axis=1)
    return weights * np.sign(largest), variance[kept]


def _transformed(places: pd.DataFrame, variables: tuple[str, ...], log: tuple[str, ...]) -> Floats:
    values = places[list(variables)].to_numpy(float).copy()
    for index, name in enumerate(variables):
        if name not in log:
            continue
        below = values[:, index] < 0.0
        if below.any():
            place = places.loc[below, "place"].iloc[0]
            raise DataError(
                f"covariate {name}: {values[below, index][0]:g} at {place} is below 0 and enters "
                "as ln(1 + value); take it out of covariates.log"
            )
        values[:, index] = np.log1p(values[:, index])
    return values
