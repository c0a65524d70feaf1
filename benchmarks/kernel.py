"""Log likelihood of all layers with its gradient: the fused kernel beside plain PyTensor.

Both are compiled by PyTensor with numba on the same nodes; the plain one writes the formula with
elementary operations and lets PyTensor differentiate it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt

from bayes_rootc.models.quadrature_op import log_marginal
from bayes_rootc.radiocarbon.quadrature import Nodes
from benchmarks.common import default_problem, machine

REPEATS = 200
MU, TAU = -6.5, 0.7


def run(say: Callable[[str], None]) -> dict[str, Any]:
    """Time value and gradient of both, and check that they agree."""
    _, problem, data = default_problem()
    before = machine()
    rng = np.random.default_rng(1)
    mu = MU + rng.standard_normal(len(problem.layers))
    say(f"data: {data}, {problem.nodes.theta.shape[1]} nodes a layer")
    times, answers = {}, {}
    for name, density in (("fused", _fused), ("plain", _plain)):
        function = _compile(density, problem.nodes)
        answers[name] = function(mu, TAU)
        times[name] = _seconds(lambda call=function: call(mu, TAU))
        say(f"{name}: {1e3 * times[name]:.3f} ms for value and gradient")
    for fused, plain in zip(answers["fused"], answers["plain"], strict=True):
        np.testing.assert_allclose(fused, plain, rtol=1e-5, atol=1e-6)
    ratio = times["plain"] / times["fused"]
    say(f"the fused kernel is {ratio:.1f} times as fast")
    return {
        "fused_ms": 1e3 * times["fused"],
        "plain_ms": 1e3 * times["plain"],
        "ratio": ratio,
        "data": data,
        "machine": before,
    }


def _fused(mu: Any, tau: Any, nodes: Nodes) -> Any:
    return log_marginal(mu, tau, pt.constant(nodes.theta), pt.constant(nodes.log_weight))[0].sum()


def _plain(mu: Any, tau: Any, nodes: Nodes) -> Any:
    z = (pt.constant(nodes.theta) - mu[:, None]) / tau
    log_normal = -0.5 * z**2 - pt.log(tau) - 0.5 * np.log(2.0 * np.pi)
    return pt.logsumexp(pt.constant(nodes.log_weight) + log_normal, axis=1).sum()


def _compile(density: Callable[..., Any], nodes: Nodes) -> Any:
    mu, tau = pt.dvector("mu"), pt.dscalar("tau")
    value = density(mu, tau, nodes)
    return pytensor.function([mu, tau], [value, *pt.grad(value, [mu, tau])], mode="NUMBA")


def _seconds(call: Callable[[], Any]) -> float:
    seconds = []
    for _ in range(REPEATS):
        clock = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - clock)
    return median(seconds)
