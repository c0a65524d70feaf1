"""What a module of a user needs to add a learner or an estimate of the loss.

>>> from bayes_rootc.extend import Estimate, register_estimate
>>> from bayes_rootc.extend import Learner, register_learner
"""

from __future__ import annotations

from bayes_rootc.learning.learners import Learner, register_learner
from bayes_rootc.loss.estimates import Estimate, register_estimate
from bayes_rootc.loss.sites import SiteFlows

__all__ = ["Estimate", "Learner", "SiteFlows", "register_estimate", "register_learner"]
