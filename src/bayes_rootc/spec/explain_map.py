"""What a map file says, for people: from what maps are made, by which engines, and how."""

from __future__ import annotations

from bayes_rootc.spec.explain import section_lines
from bayes_rootc.spec.load import dump_spec, spec_hash
from bayes_rootc.spec.map import MapSpec

ENGINES = {
    "forest": "random forests of ln I_root and ln I_bulk, learned from the tables of a learning "
    "run; intervals from held-out errors",
    "posterior": "draws of a joint run at every cell, residuals of sites included",
}
SECTIONS = {
    "grid": "grid of covariates",
    "forest": "forest engine",
    "posterior": "posterior engine",
    "output": "draws, statistics and blocks (cells)",
}


def explain_map(spec: MapSpec, where: str) -> str:
    """Tell a whole map file as text, ``where`` being its path."""
    content = dump_spec(spec)
    lines = [f"{where}: model {spec.model}", f"spec hash {spec_hash(spec)}"]
    lines += section_lines("engines", {name: ENGINES[name] for name in spec.engines})
    made_of = {"posterior": ("joint run", spec.run), "forest": ("learning run", spec.learning)}
    runs = dict(made_of[name] for name in spec.engines)
    lines += section_lines("made from", {**runs, "seed": spec.seed})
    for section, title in SECTIONS.items():
        if section in spec.engines or section not in ENGINES:
            lines += section_lines(title, content[section])
    layers: dict[str, object] = {
        layer.name: f"{layer.file}, {layer.units}" for layer in spec.build.layers
    }
    if layers:
        step = f"{spec.build.resolution_degrees:g} degrees"
        lines += section_lines(f"layers of `grid build`, cells of {step}", layers)
    return "\n".join(lines)
