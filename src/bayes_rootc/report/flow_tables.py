"""Tables of a stored run of the flow models: inputs, losses and turnover by biome and depth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from bayes_rootc.layers import BIOME_KEYS, MAX_DEPTH_CM, STANDARD_EDGES_CM, depth_basis
from bayes_rootc.report.stored import (
    Floats,
    biome_name,
    draws_first,
    group,
    has,
    labels,
    layer_frame,
    parameters,
    reference_depth,
    variable,
)
from bayes_rootc.report.tables import FROM_DATA, FROM_POPULATION, basis_of, summary, without_empty
from bayes_rootc.variables import EFFECTS

AVERAGES = {"mean": "mean of the population", "typical": "typical site of the population"}
FLOWS = ("i_root", "i_bulk", "i_loss")
PROFILE = f"0-{MAX_DEPTH_CM}"

COUNTS = {
    "k": "n_profiles",
    "rho": "n_densities",
    "bnpp": "n_bnpp_sites",
    "f_bnpp": "n_f_bnpp_sites",
    "d50": "n_root_profiles",
    "ratio": "n_root_profiles",
}
"""Effect → the variable that counts the data behind it in a biome."""

BLOCK_TITLES = {
    "n_profiles": "turnover",
    "n_densities": "carbon density",
    "n_bnpp_sites": "BNPP",
    "n_f_bnpp_sites": "BNPP/NPP",
    "n_root_profiles": "root depth",
}


def counts_table(run: xr.DataTree) -> pd.DataFrame:
    """Data behind each biome by block, and what had to come from the population.

    Returns
    -------
    DataFrame
        biome_key, biome, n_layers, n_profiles, n_densities, n_bnpp_sites, n_f_bnpp_sites,
        n_root_profiles (those that the model has), from_population (names of blocks).
    """
    data = group(run, "constant_data")
    names = [name for name in ("n_layers", *BLOCK_TITLES) if has(run, f"constant_data/{name}")]
    biomes = labels(data, "biome")
    frame = pd.DataFrame({"biome_key": biomes, "biome": [biome_name(key) for key in biomes]})
    for name in names:
        frame[name] = variable(run, "constant_data", name, "biome").values.astype(int)
    frame["from_population"] = [
        ", ".join(title for name, title in BLOCK_TITLES.items() if row.get(name, 1) == 0)
        for row in frame.to_dict(orient="records")
    ]
    return frame


def _summarised(draws: Floats, name: str) -> dict[str, float]:
    middle, low, high = np.quantile(draws, (0.5, 0.025, 0.975))
    return {name: float(middle), f"{name}_q025": float(low), f"{name}_q975": float(high)}


def flows_table(run: xr.DataTree) -> pd.DataFrame:
    """I_root, I_bulk, I_loss of each biome over the profile, mean over sites and typical site.

    Returns
    -------
    DataFrame
        The columns of :func:`counts_table`; for i_root, i_bulk, i_loss (Mg C ha-1 yr-1),
        loss_share and turnover_bias (I_root/I_bulk), each with ``_mean`` and ``_typical``:
        median and ends of the 95 % interval; p_loss_negative_mean and _typical.
    """
    frame = counts_table(run)
    rows = []
    for b, row in enumerate(frame.to_dict(orient="records")):
        found: dict[str, object] = {str(key): value for key, value in row.items()}
        for average in AVERAGES:
            draws = {
                name: draws_first(run, "derived", f"{name}_total_{average}", "biome")[:, b]
                for name in FLOWS
                if has(run, f"derived/{name}_total_{average}")
            }
            if {"i_root", "i_bulk"} <= set(draws):
                draws["loss_share"] = draws["i_loss"] / draws["i_root"]
                draws["turnover_bias"] = draws["i_root"] / draws["i_bulk"]
                found[f"p_loss_negative_{average}"] = float((draws["i_loss"] < 0).mean())
            for name, values in draws.items():
                found |= _summarised(values, f"{name}_{average}")
        rows.append(found)
    return pd.DataFrame(rows)


def depth_table(run: xr.DataTree) -> pd.DataFrame:
    """I_root, I_bulk, I_loss by biome and layer, absolute and as a percentage of the profile.

    Returns
    -------
    DataFrame
        biome_key, biome, statistic, standard_layer_cm (seven and 0-200), from_population; for
        each flow: median and 95 % interval (Mg C ha-1 yr-1), and ``_percent`` of its own total
        over 0-200 cm, computed in each draw.
    """
    counts = counts_table(run).set_index("biome_key")["from_population"]
    flows = [name for name in FLOWS if has(run, f"derived/{name}_typical")]
    layers = labels(group(run, "derived"), "standard_layer")
    rows: list[dict[str, object]] = []
    for average, statistic in AVERAGES.items():
        dims = ("biome", "standard_layer")
        draws = {n: draws_first(run, "derived", f"{n}_{average}", *dims) for n in flows}
        for b, biome in enumerate(labels(group(run, "derived"), "biome")):
            for z, layer in enumerate([*layers, PROFILE]):
                row: dict[str, object] = {"biome_key": biome, "biome": biome_name(biome)}
                row |= {"statistic": statistic, "standard_layer_cm": layer}
                row["from_population"] = counts[biome]
                for name, values in draws.items():
                    total = values[:, b].sum(axis=1)
                    here = values[:, b, z] if layer != PROFILE else total
                    row |= _summarised(here, name)
                    row |= _summarised(100.0 * here / total, f"{name}_percent")
                rows.append(row)
    return pd.DataFrame(rows)


def effects_table(run: xr.DataTree) -> pd.DataFrame:
    """Effects of the biomes and their depth slopes, with the data behind each."""
    counts = counts_table(run).set_index("biome_key")
    rows = []
    for name in (*EFFECTS, "ratio"):
        for parameter in parameters(run, (f"a_{name}", f"s_{name}")):
            n = int(counts[COUNTS[name]][parameter.element])
            where = {"biome": biome_name(parameter.element), "n": n}
            where["basis"] = FROM_DATA if n else FROM_POPULATION
            rows.append(where | summary(parameter))
    return without_empty(pd.DataFrame(rows))


def typical_turnover_table(run: xr.DataTree) -> pd.DataFrame:
    """Decay rate and turnover time at the typical site of each biome, by standard layer.

    The typical site has the mean components of the biome's sites.

    Returns
    -------
    DataFrame
        The columns of the turnover table that apply: those of ``k_typical`` and ``c_age_typical``.
    """
    data = group(run, "constant_data")
    layers = layer_frame(run)
    at = layers.groupby(["biome", "standard_layer"])["profile"]
    n_layers, n_profiles = at.size().to_dict(), at.nunique().to_dict()
    total = layers.groupby("biome").size().to_dict()
    middle = np.convolve(np.asarray(STANDARD_EDGES_CM, float), (0.5, 0.5), mode="valid")
    depth = depth_basis(middle, reference_depth(run))
    level = _level_of_k(run)
    slope = draws_first(run, "posterior", "s_k", "biome")
    rows: list[dict[str, object]] = []
    for b, biome in enumerate(labels(data, "biome")):
        for z, layer in enumerate(labels(group(run, "derived"), "standard_layer")):
            size = int(n_layers.get((biome, layer), 0))
            k = np.exp(level[:, b] + slope[:, b] * depth[z])
            rows.append(
                {
                    "biome_key": biome,
                    "biome": biome_name(biome),
                    "standard_layer_cm": layer,
                    "n_layers": size,
                    "n_profiles": int(n_profiles.get((biome, layer), 0)),
                    "basis": basis_of(size, int(total.get(biome, 0))),
                }
                | _summarised(1.0 / k, "c_age_typical")
                | _summarised(k, "k_typical")
            )
    return pd.DataFrame(rows)


def _level_of_k(run: xr.DataTree) -> Floats:
    level = draws_first(run, "posterior", "a_k", "biome")
    if not has(run, "posterior/slopes_k", "constant_data/components"):
        return level
    slopes = draws_first(run, "posterior", "slopes_k", "biome", "component")
    return np.asarray(level + np.einsum("sbc,bc->sb", slopes, site_components(run)))


def site_components(run: xr.DataTree) -> Floats:
    """Mean components of the sites of each biome, shape (9, C); 0 where it has no site."""
    scores = variable(run, "constant_data", "components", "place", "component").values
    pairs: list[tuple[int, int]] = []
    for prefix in ("profile", "npp_site", "root"):
        names = (f"{prefix}_biome_index", f"{prefix}_place_index")
        if has(run, *(f"constant_data/{name}" for name in names)):
            biome, place = (variable(run, "constant_data", n).values.astype(int) for n in names)
            pairs += zip(biome.tolist(), place.tolist(), strict=True)
    found = np.zeros((len(BIOME_KEYS), scores.shape[1]))
    for b in range(len(BIOME_KEYS)):
        # A site counts once, however many profiles or records it has.
        places = sorted({place for biome, place in pairs if biome == b})
        if places:
            found[b] = scores[places].mean(axis=0)
    return found


def layer_c_age_table(run: xr.DataTree) -> pd.DataFrame:
    """Turnover time of the median layer of 0-30 and of 30-100 cm.

    Returns
    -------
    DataFrame
        layer_cm, n_layers, c_age (yr: posterior median of the median over layers whose middle
        lies there) and ends of its 95 % interval.
    """
    depth = np.asarray(variable(run, "constant_data", "depth_cm", "layer"), float)
    k = draws_first(run, "derived", "k", "layer")
    rows = []
    for low, high in ((0, 30), (30, 100)):
        mine = (depth >= low) & (depth < high)
        if mine.any():
            c_age = np.median(1.0 / k[:, mine], axis=1)
            start: dict[str, object] = {"layer_cm": f"{low}-{high}", "n_layers": int(mine.sum())}
            rows.append(start | _summarised(c_age, "c_age"))
    return pd.DataFrame(rows)
