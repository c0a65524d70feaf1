"""Writing numbers for people: three significant digits, no powers where none are needed."""

from __future__ import annotations

import math
from collections.abc import Callable

NOT_AVAILABLE = "n/a"

Formatter = Callable[[object], str]


def three_digits(value: object) -> str:
    """Three significant digits: 0.0123, 12.3, 1,230, ∞; NaN and None are ``n/a``.

    Examples
    --------
    >>> three_digits(1234.5), three_digits(0.01234), three_digits(float("nan"))
    ('1,230', '0.0123', 'n/a')
    """
    number = _float(value)
    if number == math.inf:
        return "∞"
    if not math.isfinite(number):
        return NOT_AVAILABLE
    if number == 0:
        return "0"
    digits = 2 - math.floor(math.log10(abs(number)))
    rounded = round(number, digits)
    if abs(rounded) >= 100:
        return f"{rounded:,.0f}"
    return f"{rounded:.3g}"


def four_digits(value: object) -> str:
    """Four significant digits without commas or needless zeros, as thresholds are written."""
    number = _float(value)
    return f"{number:.4g}" if math.isfinite(number) else NOT_AVAILABLE


def three_decimals(value: object) -> str:
    """Three decimals, as R-hat is read; ``n/a`` where not finite."""
    number = _float(value)
    return f"{number:.3f}" if math.isfinite(number) else NOT_AVAILABLE


def two_decimals(value: object) -> str:
    """Two decimals, as a posterior mass is read; ``n/a`` where not finite."""
    number = _float(value)
    return f"{number:.2f}" if math.isfinite(number) else NOT_AVAILABLE


def whole(value: object) -> str:
    """Write a whole number with commas; ``n/a`` where not finite."""
    number = _float(value)
    return f"{number:,.0f}" if math.isfinite(number) else NOT_AVAILABLE


def year(value: object) -> str:
    """Write a calendar year: no comma, a fraction only where there is one."""
    number = _float(value)
    return f"{number:.6g}" if math.isfinite(number) else NOT_AVAILABLE


def text(value: object) -> str:
    """Text as it is; nothing where there is none."""
    return "" if value is None else str(value)


def percent(value: object) -> str:
    """Write a share of 1 in percent, one decimal: 77.9 %."""
    number = _float(value)
    return f"{100 * number:.1f} %" if math.isfinite(number) else NOT_AVAILABLE


def anything(value: object) -> str:
    """Write a number with three digits, and everything else as it is."""
    return three_digits(value) if isinstance(value, float) else text(value)


def yes(value: object) -> str:
    """Write whether something holds."""
    return "yes" if value else "no"


def yes_no(value: object) -> str:
    """Write a check's outcome in a word."""
    return "passed" if value else "FAILED"


def with_interval(middle: object, low: object, high: object) -> str:
    """Write a number with its interval: ``120 (90.1 to 180)``."""
    return f"{three_digits(middle)} ({three_digits(low)} to {three_digits(high)})"


def _float(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return float("nan")
