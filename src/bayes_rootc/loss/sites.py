"""I_root, its shares over depth, and I_bulk at every site of a kind, in every posterior draw.

What was measured at a site enters as its posterior; what was not is predicted, and then the site
has its own residual, drawn once per posterior draw, so that a mean over sites is one over sites as
they are, not over typical ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_rootc.errors import RunError
from bayes_rootc.layers import STANDARD_LAYERS
from bayes_rootc.loss.joint import Joint, read_joint
from bayes_rootc.loss.observed import observed_bulk
from bayes_rootc.models.flows import EDGES, basis_integral, root_shares
from bayes_rootc.units import Floats
from bayes_rootc.variables import NPP_SITE, PLACE, PROFILE, ROOT_PROFILE

Index = NDArray[np.intp]
SITES_AT_A_TIME = 100
N_LAYERS = len(STANDARD_LAYERS)


@dataclass(frozen=True)
class SiteFlows:
    """Flows at the n sites of a kind, S draws.

    Attributes
    ----------
    kind : str
        ``npp``, ``delta14c`` or ``root``.
    labels : tuple of str, length n
    biome : ndarray of int, shape (n,)
        0 to 8.
    place : ndarray of int, shape (n,)
        Row of the run's places.
    i_root : mapping
        Source of I_root → (S, n), Mg C ha⁻¹ yr⁻¹: ``bnpp``, and ``npp`` (gridded NPP times
        f_BNPP; NaN in all draws at a site without gridded NPP).
    share : ndarray, shape (S, n, 7)
        Share of I_root in each standard layer, sums to 1.
    i_bulk : ndarray, shape (S, n, 7)
        Mg C ha⁻¹ yr⁻¹.
    """

    kind: str
    labels: tuple[str, ...]
    biome: Index
    place: Index
    i_root: Mapping[str, Floats]
    share: NDArray[np.float32]
    i_bulk: NDArray[np.float32]

    def i_loss(self, source: str) -> Floats:
        """I_root · share - I_bulk in every draw, shape (S, n, 7); may be negative."""
        return np.asarray(self.i_root[source][..., None] * self.share - self.i_bulk)


@dataclass(frozen=True)
class _Chunk:
    """Some sites of a kind, and their random numbers."""

    joint: Joint
    kind: str
    site: Index
    biome: Index
    components: Floats
    npp: Floats
    of_place: Floats  # (S, n, 4): ln k, ln rho, ln BNPP, logit f_BNPP
    of_site: Floats  # (S, n, 2 + 2 · 7): profile's ln k and ln rho, those of each layer

    def at_place(self, number: int, name: str) -> Floats:
        """Residual of the place."""
        return self.joint.spread(f"sigma_place_{name}") * self.of_place[..., number]

    def of_layers(self) -> Floats:
        """Residual of ln(k · rho) of each standard layer, shape (S, n, 7)."""
        noise = self.of_site[..., 2:]
        tau_k, tau_rho = (self.joint.spread(f"tau_{name}")[..., None] for name in ("k", "rho"))
        return np.asarray(tau_k * noise[..., :N_LAYERS] + tau_rho * noise[..., N_LAYERS:])


@dataclass(frozen=True)
class SiteKind:
    """Where sites of a kind are found, and which of their flows were measured."""

    number: int  # of the random streams; never reused
    dim: str
    prefix: str
    root: Callable[[_Chunk], dict[str, Floats]]
    bulk: Callable[[_Chunk], Floats]
    share: Callable[[_Chunk, Floats], Floats]


def site_flows(
    run: xr.DataTree, kind: str, seed: int, *, sites_at_a_time: int = SITES_AT_A_TIME
) -> SiteFlows:
    """Flows at every site of a kind.

    Parameters
    ----------
    run : DataTree
        Stored joint run.
    kind : str
        ``npp`` (sites of net primary production), ``delta14c`` (soil profiles) or ``root`` (root
        profiles).
    seed : int
        Of the residuals of what was not measured. Every site has a stream of its own, named by
        seed, kind and site; effects of a place are those of a biome at the place, whatever the
        kind. Hence no number depends on ``sites_at_a_time``.
    sites_at_a_time : int
        Bounds the memory.

    Raises
    ------
    RunError
        If the run lacks a block or the description of the sites; if the kind is unknown.
    """
    if kind not in KINDS:
        raise RunError(f"kind of sites {kind!r} is unknown; it must be of {', '.join(KINDS)}")
    record, joint = KINDS[kind], read_joint(run)
    biome = joint.constant(f"{record.prefix}_biome_index", record.dim).astype(np.intp)
    place = joint.constant(f"{record.prefix}_place_index", record.dim).astype(np.intp)
    n, size = len(biome), joint.n_draws
    i_root = {source: np.empty((size, n)) for source in ("bnpp", "npp")}
    share, i_bulk = (np.empty((size, n, N_LAYERS), np.float32) for _ in range(2))
    for start in range(0, n, sites_at_a_time):
        here = np.arange(start, min(start + sites_at_a_time, n))
        chunk = _chunk(joint, kind, seed, site=here, biome=biome[here], place=place[here])
        bulk = record.bulk(chunk)
        i_bulk[:, here], share[:, here] = bulk, record.share(chunk, bulk)
        for source, values in record.root(chunk).items():
            i_root[source][:, here] = values
    labels = _labels(joint.constants, record.dim)
    return SiteFlows(kind, labels, biome, place, i_root, share, i_bulk)


def _chunk(
    joint: Joint, kind: str, seed: int, *, site: Index, biome: Index, place: Index
) -> _Chunk:
    size, number = joint.n_draws, KINDS[kind].number
    components = joint.constants["components"].transpose(PLACE, ...).to_numpy()[place]
    names = _labels(joint.constants, KINDS[kind].dim)
    places = _labels(joint.constants, PLACE)
    of_place = np.empty((size, len(site), 4))
    of_site = np.empty((size, len(site), 2 + 2 * N_LAYERS))
    for i, (p, b, q) in enumerate(zip(site, biome, place, strict=True)):
        of_place[:, i] = _stream(seed, 0, places[q], int(b)).standard_normal((size, 4))
        of_site[:, i] = _stream(seed, number, names[p]).standard_normal(of_site.shape[::2])
    npp = joint.constant("gridded_npp", PLACE)[place]
    return _Chunk(joint, kind, site, biome, components, npp, of_place, of_site)


def _stream(seed: int, number: int, name: str, *more: int) -> np.random.Generator:
    """Random numbers of a site: its name, not its position, so that others do not change them."""
    named = int.from_bytes(blake2b(name.encode(), digest_size=8).digest())
    return np.random.Generator(
        np.random.Philox(np.random.SeedSequence((seed, number, named, *more)))
    )


def _labels(constants: xr.Dataset, dim: str) -> tuple[str, ...]:
    labels = constants[dim].to_numpy()  # positions where the run has no names
    return tuple(str(label) for label in labels)


def _observed_root(chunk: _Chunk) -> dict[str, Floats]:
    derived = chunk.joint.derived
    bnpp, share = derived["bnpp"][:, chunk.site], derived["f_bnpp"][:, chunk.site]
    return {"bnpp": bnpp, "npp": chunk.npp * share}


def _predicted_root(chunk: _Chunk) -> dict[str, Floats]:
    where = (chunk.biome, chunk.components)
    bnpp = chunk.joint.level("bnpp", *where) + chunk.at_place(2, "bnpp")
    logit = chunk.joint.level("f_bnpp", *where) + chunk.at_place(3, "f_bnpp")
    return {"bnpp": np.exp(bnpp), "npp": chunk.npp / (1.0 + np.exp(-logit))}


def _predicted_bulk(chunk: _Chunk) -> Floats:
    joint, where = chunk.joint, (chunk.biome, chunk.components)
    own = chunk.at_place(0, "k") + joint.spread("sigma_profile_k") * chunk.of_site[..., 0]
    own = own + joint.spread("kappa") * own + chunk.at_place(1, "rho")
    own = own + joint.spread("sigma_profile_rho") * chunk.of_site[..., 1]
    level = joint.level("k", *where) + joint.level("rho", *where) + own
    slope = (joint.draws["s_k"] + joint.draws["s_rho"])[:, chunk.biome, None]
    thickness = basis_integral(slope, EDGES[:-1], EDGES[1:], joint.reference_cm)
    return np.asarray(np.exp(level[..., None] + chunk.of_layers()) * thickness)


def _observed_bulk(chunk: _Chunk) -> Floats:
    return observed_bulk(chunk.joint, chunk.site, chunk.biome, chunk.of_layers())


def _share_of_bulk(_: _Chunk, bulk: Floats) -> Floats:
    return np.asarray(bulk / bulk.sum(axis=-1, keepdims=True))


def _share_of_roots(chunk: _Chunk, bulk: Floats) -> Floats:
    d50, d95 = (chunk.joint.constant(f"{name}_cm", ROOT_PROFILE) for name in ("d50", "d95"))
    return np.broadcast_to(root_shares(d50[chunk.site], d95[chunk.site]), bulk.shape)


KINDS = {
    "npp": SiteKind(1, NPP_SITE, "npp_site", _observed_root, _predicted_bulk, _share_of_bulk),
    "delta14c": SiteKind(2, PROFILE, "profile", _predicted_root, _observed_bulk, _share_of_bulk),
    "root": SiteKind(3, ROOT_PROFILE, "root", _predicted_root, _predicted_bulk, _share_of_roots),
}
"""Kind of sites → what was measured there."""
