"""The rooms of the package: who may import whom, and how long a module may be."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

import pytest

from arrows import (
    MODULES,
    NEVER,
    ONLY,
    PACKAGE,
    SOURCE,
    Module,
    foreign,
    function_lengths,
    imports,
    loaded_by,
    names_in,
    parent,
    violations,
)

MAX_MODULE_LINES = 300
MAX_FUNCTION_LINES = 50  # without its docstring

# --- the package -----------------------------------------------------------------------------


def test_every_arrow_points_down() -> None:
    assert MODULES, f"no source under {SOURCE}"
    assert violations(MODULES) == []


def test_no_ring_of_modules() -> None:
    known = {module.name for module in MODULES}
    graph = {}
    for module in MODULES:
        reached = {name for _, dotted in imports(module) for name in (dotted, parent(dotted))}
        graph[module.name] = (reached & known) - {module.name, PACKAGE}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail("modules import each other: " + " <- ".join(error.args[1]))


def test_init_files_of_rooms_are_empty() -> None:
    filled = [m.name for m in MODULES if m.is_package and m.name != PACKAGE and m.text.strip()]
    assert filled == []


def test_modules_are_short() -> None:
    lengths = {module.name: len(module.text.splitlines()) for module in MODULES}
    assert {name: n for name, n in lengths.items() if n > MAX_MODULE_LINES} == {}


def test_functions_are_short() -> None:
    long = [
        f"{module.name}:{line}: {name} has {length} lines"
        for module in MODULES
        for name, line, length in function_lengths(module.text)
        if length > MAX_FUNCTION_LINES
    ]
    assert long == []


def test_importing_the_package_is_light() -> None:
    assert loaded_by([PACKAGE]) & {"pymc", "pytensor", "nutpie", "matplotlib"} == set()


@pytest.mark.parametrize("room", sorted(NEVER))
def test_a_room_does_not_load_what_it_must_never_meet(room: str) -> None:
    assert loaded_by(names_in(room)) & NEVER[room] == set()


@pytest.mark.parametrize("room", sorted(ONLY))
def test_a_limited_room_reaches_nothing_else_through_other_rooms(room: str) -> None:
    assert foreign(room, MODULES) <= ONLY[room]


# --- the checker itself ----------------------------------------------------------------------

WRONG = {
    "upward": (
        "radiocarbon.made_up",
        "from bayes_rootc.data.table_data import TableData",
        "bayes_rootc.radiocarbon.made_up:1: radiocarbon must not import data"
        " (bayes_rootc.data.table_data.TableData)",
    ),
    "peer": (
        "units",
        "import bayes_rootc.layers",
        "bayes_rootc.units:1: units must not import layers (bayes_rootc.layers)",
    ),
    "cli": (
        "api",
        "def f():\n    from bayes_rootc.cli import main",
        "bayes_rootc.api:2: api must not import cli (bayes_rootc.cli.main)",
    ),
    "facade": (
        "data.made_up",
        "from bayes_rootc import fit",
        "bayes_rootc.data.made_up:1: data must not import __init__ (bayes_rootc.fit)",
    ),
    "relative": (
        "spec.made_up",
        "from ..models import turnover",
        "bayes_rootc.spec.made_up:1: spec must not import models (bayes_rootc.models.turnover)",
    ),
    "by name": (
        "report.made_up",
        "import importlib\nimportlib.import_module('bayes_rootc.cli.fit')",
        "bayes_rootc.report.made_up:2: report must not import cli (bayes_rootc.cli.fit)",
    ),
    "only": (
        "radiocarbon.made_up",
        "import pandas as pd",
        "bayes_rootc.radiocarbon.made_up:1: radiocarbon must not import pandas, only numpy, scipy",
    ),
    "never": (
        "report.made_up",
        "if True:\n    from pymc import Model",
        "bayes_rootc.report.made_up:2: report must not import pymc",
    ),
    "unknown room": ("utils", "", "bayes_rootc.utils: room 'utils' is unknown"),
}


@pytest.mark.parametrize("case", WRONG)
def test_the_checker_sees_a_violation(case: str) -> None:
    name, text, expected = WRONG[case]
    assert violations([Module(f"{PACKAGE}.{name}", text)]) == [expected]


def test_the_checker_lets_good_imports_pass() -> None:
    text = "import json\nimport numpy as np\nfrom bayes_rootc import errors, units\nfrom . import x"
    assert violations([Module(f"{PACKAGE}.radiocarbon.made_up", text)]) == []


def test_what_comes_through_another_room_is_seen() -> None:
    made_up = [
        Module(f"{PACKAGE}.radiocarbon.a", "from bayes_rootc.spec import b"),
        Module(f"{PACKAGE}.spec.b", "def f():\n    import json, pydantic.fields"),
        Module(f"{PACKAGE}.data.c", "import pandas"),
    ]
    assert foreign("radiocarbon", made_up) == {"pydantic"}


def test_function_length_leaves_out_the_docstring() -> None:
    text = 'def f():\n    """One.\n\n    Two.\n    """\n    return 1\n'
    assert list(function_lengths(text)) == [("f", 1, 2)]
