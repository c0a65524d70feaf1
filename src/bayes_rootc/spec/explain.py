"""What a model file says, for people: every prior on a scale that a soil scientist can judge."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from bayes_rootc.layers import depth_basis
from bayes_rootc.spec.load import dump_spec, spec_hash
from bayes_rootc.spec.priors import FAMILIES, Prior, interval
from bayes_rootc.spec.turnover import TurnoverSpec

INTERVAL_MASS = 0.9
DEEP_CM = 100.0
"""Depth at which the effect of a depth slope is told."""


@dataclass(frozen=True)
class HumanScale:
    """How a parameter is told to people.

    Attributes
    ----------
    text : callable
        Reference depth in cm → what the number is.
    from_parameter : callable
        (parameter, depth span) → the number, where the depth span is d(100 cm).
    unit : str
        Of the number.
    """

    text: Callable[[float], str]
    from_parameter: Callable[[float, float], float]
    unit: str


def _factor_between(units: str) -> HumanScale:
    return HumanScale(
        lambda _reference: f"factor on turnover between typical {units}",
        lambda sigma, _span: math.exp(sigma),
        "×",
    )


HUMAN_SCALES = {
    "alpha": HumanScale(
        lambda reference: f"turnover at {reference:g} cm, typical biome",
        lambda alpha, _span: math.exp(-alpha),
        "years",
    ),
    "beta": HumanScale(
        lambda reference: f"turnover at {DEEP_CM:g} cm over that at {reference:g} cm",
        lambda beta, span: math.exp(-beta * span),
        "×",
    ),
    "gamma": HumanScale(
        lambda _reference: "factor on turnover per standard deviation of a covariate",
        lambda gamma, _span: math.exp(-gamma),
        "×",
    ),
    "sigma_biome": _factor_between("biomes"),
    "sigma_slope": HumanScale(
        lambda reference: (
            f"factor between typical biomes on turnover at {DEEP_CM:g} cm over that "
            f"at {reference:g} cm"
        ),
        lambda sigma, span: math.exp(sigma * span),
        "×",
    ),
    "sigma_profile": _factor_between("profiles of a biome"),
    "tau": _factor_between("layers of a profile"),
}
"""Parameter → scale; every prior of the spec has one."""

SECTIONS = {
    "data": "data selection",
    "atmosphere": "atmosphere",
    "likelihood": "likelihood",
    "model_options": "hierarchy",
    "sampler": "sampler",
    "gate": "gate (what diagnostics must show)",
}


@dataclass(frozen=True)
class PriorLine:
    """One prior, told.

    Attributes
    ----------
    name, distribution, unit, reason : str
        As in the model file.
    interval : tuple of float
        Central 90 % interval of the parameter.
    human_text, human_unit : str
        What the interval means.
    human_interval : tuple of float
        The same interval on that scale, low to high.
    """

    name: str
    distribution: str
    unit: str
    reason: str
    interval: tuple[float, float]
    human_text: str
    human_unit: str
    human_interval: tuple[float, float]


def depth_span(reference_cm: float) -> float:
    """d(100 cm) of the depth basis log1p(z/10) - log1p(reference/10)."""
    return float(depth_basis(DEEP_CM, reference_cm))


def explain_priors(spec: TurnoverSpec) -> list[PriorLine]:
    """Every prior with its 90 % interval, on its own scale and on a human one."""
    reference = spec.model_options.reference_depth_cm
    span = depth_span(reference)
    lines = []
    for name, scale in HUMAN_SCALES.items():
        prior = getattr(spec.priors, name)
        ends = interval(prior, INTERVAL_MASS)
        low, high = sorted(scale.from_parameter(end, span) for end in ends)
        lines.append(
            PriorLine(
                name,
                FAMILIES[prior.dist].text(prior),
                prior.unit,
                prior.reason,
                ends,
                scale.text(reference),
                scale.unit,
                (low, high),
            )
        )
    return lines


def explain_spec(spec: TurnoverSpec, where: str) -> str:
    """Tell a whole model file as text, ``where`` being its path."""
    lines = [f"{where}: model {spec.model}", f"spec hash {spec_hash(spec)}", "", "priors"]
    for prior in explain_priors(spec):
        low, high = (_figures(value) for value in prior.human_interval)
        human = f"{prior.human_text}: {low} to {high} {prior.human_unit}"
        lines += prior_lines(prior.name, getattr(spec.priors, prior.name), human)
    content = dump_spec(spec)
    for section, title in SECTIONS.items():
        lines += section_lines(title, content[section])
    return "\n".join(lines)


def prior_lines(name: str, prior: Prior, human: str) -> list[str]:
    """Four lines about a prior: what it is, its interval, what that means, and why."""
    low, high = interval(prior, INTERVAL_MASS)
    return [
        f"  {name:<20}{FAMILIES[prior.dist].text(prior)}, unit {prior.unit}",
        f"{'':22}{INTERVAL_MASS:.0%} interval {low:.3g} to {high:.3g}",
        f"{'':22}{human}",
        f"{'':22}{prior.reason}",
    ]


def section_lines(title: str, content: dict[str, object]) -> list[str]:
    """Lines about a section of a model file."""
    return ["", title, *(f"  {key:<24}{_shown(value)}" for key, value in content.items())]


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _figures(value: float) -> str:
    """Three figures, thousands separated, no power of ten below a million."""
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if 100 <= rounded < 1e6 else f"{rounded:.3g}"
