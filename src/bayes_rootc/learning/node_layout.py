"""Constants that the builder of a flat forest and its kernels share."""

TILE = 256
"""Cells that are walked together."""

BINS = 4096
"""Of the range of a predictor's thresholds; the rank of a value is sought from its bin on."""

LEAF_RANK = (1 << 15) - 1
"""Of a leaf, above every rank of a value; ranks are signed 16-bit integers."""

TOP_LEVELS = 4
"""First levels of a tree, through which cells are sent side by side."""

TOP = (1 << TOP_LEVELS) - 1
"""Nodes of the first levels."""
