"""Write the packaged atmosphere tables from the monthly curves and the calibration curves.

Usage: python tools/package_atmosphere.py DATA_FOLDER

Annual means by zone (Hua et al. 2021) at the mean time of their months; IntCal20 and SHCal20
thinned so that straight lines between the kept years miss no published value by more than 2 ‰.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import numpy as np

from bayes_rootc.files import write_text
from bayes_rootc.radiocarbon.atmosphere import ZONES

TABLES = Path(__file__).parents[1] / "src" / "bayes_rootc" / "radiocarbon" / "tables"
TOLERANCE = 2.0


def thin(year: np.ndarray, value: np.ndarray, tolerance: float) -> list[int]:
    """Indices to keep (Douglas & Peucker 1973, vertical distance)."""
    keep, todo = {0, len(year) - 1}, [(0, len(year) - 1)]
    while todo:
        first, last = todo.pop()
        part = slice(first, last + 1)
        line = np.interp(year[part], year[[first, last]], value[[first, last]])
        miss = np.abs(line - value[part])
        worst = int(miss.argmax())
        if miss[worst] > tolerance:
            keep.add(first + worst)
            todo += [(first, first + worst), (first + worst, last)]
    return sorted(keep)


def annual_table(folder: Path) -> str:
    """One row a calendar year; the time is the mean of the months that exist in all zones."""
    columns = {}
    for zone in ZONES:
        table = np.genfromtxt(folder / f"atmosphere_{zone}.csv", delimiter=",", names=True)
        columns[zone] = {round(float(row["year"]), 4): float(row["d14c"]) for row in table}
    shared = sorted(set.intersection(*(set(column) for column in columns.values())))
    rows = ["year," + ",".join(ZONES)]
    for calendar_year in sorted({int(year) for year in shared}):
        months = [year for year in shared if int(year) == calendar_year]
        means = [np.mean([columns[zone][month] for month in months]) for zone in ZONES]
        rows.append(f"{np.mean(months):.3f}," + ",".join(f"{mean:.1f}" for mean in means))
    return "\n".join(rows) + "\n"


def main(data: Path) -> None:
    """Write the three tables."""
    stamp = f"# written by tools/package_atmosphere.py, {date.today().isoformat()}\n"
    citation = "Hua et al. (2021), Radiocarbon 64, 723, doi:10.1017/RDC.2021.95"
    cite = f"# Δ14C, ‰, annual means; {citation}\n"
    write_text(TABLES / "hua2021_annual.csv", cite + stamp + annual_table(data / "tables"))
    cites = {
        "intcal20": "Reimer et al. (2020), Radiocarbon 62, 725, doi:10.1017/RDC.2020.41",
        "shcal20": "Hogg et al. (2020), Radiocarbon 62, 759, doi:10.1017/RDC.2020.59",
    }
    for name, citation in cites.items():
        table = np.genfromtxt(data / "tables" / f"{name}.csv", delimiter=",", names=True)
        year, value = table["calendar_year"], table["d14c"]
        kept = thin(year, value, TOLERANCE)
        rows = "".join(f"{year[i]:.0f},{value[i]:.1f}\n" for i in kept)
        note = f"# Δ14C, ‰, thinned to {TOLERANCE:g} ‰; {citation}\n"
        write_text(TABLES / f"{name}_thinned.csv", note + stamp + "year,delta14c\n" + rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
