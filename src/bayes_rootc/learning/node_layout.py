"""How nodes of a flat forest are packed: constants that its builder and its kernels share."""

TILE = 64
"""Cells that are walked together."""

BINS = 4096
"""Of the range of a predictor's thresholds; the rank of a value is sought from its bin on."""

FIELD = 16
"""Bits of the rank, and of TILE times the predictor, in a node; the child takes the rest."""

FEATURES = (1 << FIELD) - 1
"""Mask of TILE times the predictor."""

LEAF_RANK = (1 << (FIELD - 1)) - 1
"""Of a leaf, above every code; one bit less than the field, for codes are signed."""

TOP = 15
"""Nodes of the levels through which cells are sent together."""

TOP_LEVELS = 4
"""Levels of :data:`TOP` nodes; a tree with early leaves has deeper ones among them."""
