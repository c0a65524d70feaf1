"""How nodes of a flat forest are packed: constants that its builder and its kernels share."""

TILE = 64
"""Cells that are walked together."""

BINS = 1024
"""Of the range of a predictor's thresholds; the rank of a value is sought from its bin on."""

FIELD = 16
"""Bits of the rank, and of TILE times the predictor, in a node; the child takes the rest."""

LEAF_RANK = (1 << FIELD) - 1
