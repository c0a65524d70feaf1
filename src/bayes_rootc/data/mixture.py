"""From the section of a model file to the mixture of decay rates it names."""

from __future__ import annotations

import numpy as np

from bayes_rootc.radiocarbon.structures import Mixture
from bayes_rootc.spec.structure import StructureSection


def mixture_of(section: StructureSection) -> Mixture:
    """Mixture of a section whose shape is given; of a sampled one at the prior median.

    Raises
    ------
    SpecError
        If the section is not complete.
    """
    if section.name == "one_pool":
        return Mixture()
    shape = section.shape if section.prior is None else section.prior.median
    fraction = float("nan") if section.fraction is None else section.fraction
    return Mixture(section.name, float(shape or np.nan), fraction)
