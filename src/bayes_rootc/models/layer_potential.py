"""What the layers' Δ14C add to a model: their marginal likelihood, its shape fixed or sampled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.compile.sharedvalue import shared

from bayes_rootc.models.assemble import LayerLikelihood
from bayes_rootc.models.effects import variable
from bayes_rootc.models.quadrature_op import log_marginal
from bayes_rootc.models.shaped_op import log_marginal_shaped
from bayes_rootc.spec.priors import FAMILIES
from bayes_rootc.spec.structure import SHAPES, StructureSection
from bayes_rootc.units import Floats


@dataclass(frozen=True)
class SampledShape:
    """A shape that is sampled.

    Attributes
    ----------
    ln_shape : tensor
        At the reference depth.
    slope : tensor or None
        Its change with the depth basis d(z).
    coefficients : ndarray, shape (D + 1, N)
        How far the data move ln k of the layers with it: see :meth:`.ShapeKnots.shift`.
    """

    ln_shape: Any
    slope: Any
    coefficients: Floats

    def shift(self, group: NDArray[Any], n: int) -> Any:
        """Mean shift of ln k of the layers of each of n groups; 0 of a group without layers."""
        size = np.maximum(np.bincount(group, minlength=n), 1)
        shift: Any = np.zeros(n)
        for of_layers in self.coefficients:
            shift = shift * self.ln_shape + np.bincount(group, of_layers, minlength=n) / size
        return shift


def sampled_shape(section: StructureSection, likelihood: LayerLikelihood) -> SampledShape | None:
    """Add the shape with its prior, cut off at the ends of the table; None where it is fixed."""
    known, prior = SHAPES[section.name], section.prior
    if likelihood.knots is None or known is None or prior is None:
        return None
    family = FAMILIES[prior.dist]
    full = getattr(pm, family.pymc_name).dist(**family.pymc_arguments(prior))
    low, high = known.sampled
    shape = pm.Truncated("shape", full, lower=low, upper=high, initval=prior.median)
    slope = None if section.slope is None else variable("shape_slope", section.slope)
    return SampledShape(pt.log(shape), slope, likelihood.knots.shift())


def layer_potential(
    likelihood: LayerLikelihood, shape: SampledShape | None, mu: Any, tau: Any
) -> None:
    """Add the log likelihood of the layers.

    Parameters
    ----------
    likelihood : LayerLikelihood
    shape : SampledShape or None
    mu : tensor, shape (N,)
        Hierarchical means of ln k.
    tau : tensor
        Standard deviation of the layers about them.
    """
    knots = likelihood.knots
    # pm.Data would turn single precision into double.
    if knots is None or shape is None:
        nodes = likelihood.nodes
        theta = shared(nodes.theta, name="node_theta")
        log_weight = shared(nodes.log_weight, name="node_log_weight")
        by_layer: Any = log_marginal(mu, tau, theta, log_weight)
    else:
        names = ("node_order", "node_theta", "node_log_weight")
        named = zip(knots.as_read, names, strict=True)
        nodes_as_read = [shared(one, name=name, borrow=True) for one, name in named]
        ln_shape = knots.table.ln_shape
        of_layers = pt.zeros_like(mu) + shape.ln_shape
        if shape.slope is not None:
            of_layers = pt.clip(of_layers + shape.slope * knots.depth, ln_shape[1], ln_shape[-2])
        of_layers = (of_layers - ln_shape[0]) / (ln_shape[1] - ln_shape[0])
        by_layer = log_marginal_shaped(mu, tau, of_layers, *nodes_as_read)
    pm.Potential("delta14c_log_likelihood", by_layer[0].sum())
