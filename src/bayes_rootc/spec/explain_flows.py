"""What the files of blocks and of the joint model say, each prior on a scale that people judge."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from bayes_rootc.spec.explain import INTERVAL_MASS, prior_lines, section_lines
from bayes_rootc.spec.joint import FlowModel, JointSpec
from bayes_rootc.spec.load import dump_spec, spec_hash
from bayes_rootc.spec.parameters import OWN_NAMES, population_priors
from bayes_rootc.spec.priors import interval
from bayes_rootc.variables import EFFECT_OF


@dataclass(frozen=True)
class Quantity:
    """A quantity for people: where its level holds, unit, the way back from the scale of the model.

    ``factor`` is what a difference on the scale of the model multiplies.
    """

    name: str
    factor: str
    unit: str
    back: Callable[[float], float]


def _percent(logit: float) -> float:
    return 100.0 / (1.0 + math.exp(-logit))


DEPTH = "at the reference depth"
QUANTITIES = {
    "k": Quantity(f"turnover {DEPTH}", "k", "years", lambda x: math.exp(-x)),
    "rho": Quantity(f"carbon density {DEPTH}", "carbon density", "Mg C ha-1 cm-1", math.exp),
    "bnpp": Quantity("BNPP", "BNPP", "Mg C ha-1 yr-1", math.exp),
    "f_bnpp": Quantity("BNPP share of NPP", "odds of the BNPP share", "%", _percent),
    "d50": Quantity("D50", "D50", "cm", math.exp),
    "ratio": Quantity("D95/D50", "ln(D95/D50)", "×", lambda x: math.exp(math.exp(x))),
}
FACTORS = {
    "gamma": "factor per standard deviation of a component",
    "lambda": "factor where the prediction of other places is e times as large",
    "sigma_gamma": "factor between biomes per standard deviation of a component",
    "sigma_biome": "factor between typical biomes",
    "sigma_place": "factor between sites of a biome",
    "sigma_profile": "factor between profiles of a site",
    "sigma_slope": "factor between biomes per unit of the depth basis",
    "beta": "factor per unit of the depth basis (20 to 72 cm)",
    "tau": "factor within a site or profile",
}
OWN = {
    "bd_intercept": ("bulk density where ln rho = 0, at the reference depth", "g cm-3"),
    "bd_slope": ("factor on bulk density where carbon density is e times as large", "×"),
    "bd_depth": ("factor on bulk density per unit of the depth basis", "×"),
    "tau_bd": ("factor of bulk density between layers alike", "×"),
    "kappa": ("factor on carbon density where k of the profile is e times as large", "×"),
    "ratio_d50": ("factor on ln(D95/D50) where D50 is e times as deep", "×"),
}


def human_scale(name: str) -> tuple[str, str, Callable[[float], float]]:
    """Words, unit and transformation of a population parameter.

    Examples
    --------
    >>> human_scale("sigma_place_bnpp")[0]
    'BNPP: factor between sites of a biome'
    """
    if name in OWN:
        text, unit = OWN[name]
        return text, unit, math.exp
    quantity = max((q for q in QUANTITIES if name.endswith(f"_{q}")), key=len)
    known = QUANTITIES[quantity]
    kind = name.removesuffix(f"_{quantity}")
    if kind == "alpha":
        return f"{known.name}, typical biome", known.unit, known.back
    return f"{known.factor}: {FACTORS[kind]}", "×", math.exp


def explain_flows(spec: FlowModel, where: str) -> str:
    """Tell a model file of a block, or of several, as text."""
    lines = [f"{where}: model {spec.model}", f"spec hash {spec_hash(spec)}"]
    if isinstance(spec, JointSpec):
        lines.append(f"blocks {', '.join(block.model for block in spec.blocks)}")
    lines += ["", "priors"]
    for name, prior in population_priors(spec).items():
        text, unit, back = human_scale(name)
        ends = interval(prior, INTERVAL_MASS)
        low, high = sorted(back(end) for end in ends)
        human = f"{text}: {_figures(low)} to {_figures(high)} {unit}"
        lines += prior_lines(name, prior, human)
    content = dump_spec(spec)
    if isinstance(spec, JointSpec):
        lines += section_lines("covariance of the biome effects", content["covariance"])
        if spec.prior_means is not None:
            lines += section_lines("prior means", {"run": spec.prior_means.run})
    for table, section in content["data"].items():
        lines += section_lines(f"data selection: {table}", section)
    for name in ("covariates", "sampler", "gate"):
        lines += section_lines(name, content[name])
    return "\n".join(lines)


def _figures(value: float) -> str:
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if 100 <= rounded < 1e6 else f"{rounded:.3g}"


assert set(QUANTITIES) == {*EFFECT_OF.values(), "ratio"} and set(OWN) <= set(OWN_NAMES)
