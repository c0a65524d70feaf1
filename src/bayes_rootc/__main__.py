"""``python -m bayes_rootc``."""

from __future__ import annotations

import sys

from bayes_rootc.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
