"""Reads the imports of the package and says which arrow between rooms they break."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "bayes_rootc"
SOURCE = ROOT / "src" / PACKAGE
FACADE = "__init__"

# A room may import the rooms of earlier lines, never a peer on its own line or a later one.
# The last two lines say that nobody imports cli but `python -m bayes_rootc`.
LEVELS = (
    ("errors",),
    ("units", "layers", "files", "version", "plugins"),
    ("variables",),
    ("spec",),
    ("radiocarbon", "learning"),
    ("data",),
    ("models",),
    ("inference",),
    ("loss",),
    ("mapping",),
    ("report",),
    ("api", "extend"),
    (FACADE,),
    ("cli",),
    ("__main__",),
)
LEVEL = {room: number for number, rooms in enumerate(LEVELS) for room in rooms}

# Third-party packages a room is limited to, and those a room must never meet.
ONLY = {"radiocarbon": {"numpy", "scipy"}, "loss": {"numpy", "pandas", "xarray"}}
NEVER = {
    "loss": {"pymc", "pytensor", "nutpie", "matplotlib"},
    "mapping": {"pymc", "pytensor", "nutpie", "matplotlib"},
    "report": {"pymc", "pytensor", "nutpie"},
}


@dataclass(frozen=True)
class Module:
    """One source file: its dotted name, its text, and whether it is a package's `__init__`."""

    name: str
    text: str
    is_package: bool = False

    @property
    def room(self) -> str:
        """First name below the package."""
        return room_of(self.name)


def room_of(dotted: str) -> str:
    parts = dotted.split(".")
    return parts[1] if len(parts) > 1 else FACADE


def read_modules() -> list[Module]:
    modules = []
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join((PACKAGE, *(parts[:-1] if is_package else parts)))
        modules.append(Module(name, path.read_text(encoding="utf-8"), is_package))
    return modules


MODULES = read_modules()


def imports(module: Module) -> Iterator[tuple[int, str]]:
    """Give (line, dotted name) of every import, wherever it stands in the module.

    ``from a import b`` gives ``a.b``, for b may be a module.
    """
    for node in ast.walk(ast.parse(module.text)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = _absolute(module, node.module, node.level)
            yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and _is_import_call(node.func):
            named = node.args[0] if node.args else None
            if isinstance(named, ast.Constant) and isinstance(named.value, str):
                yield node.lineno, named.value


def _absolute(module: Module, origin: str | None, level: int) -> str:
    if level == 0:
        return origin or ""
    parts = module.name.split(".")
    above = parts[: len(parts) - level + module.is_package]
    return ".".join([*above, *([origin] if origin else [])])


def _is_import_call(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in {"import_module", "__import__"}


def target_room(dotted: str) -> str:
    """Room that an import of our own reaches; a name that is no room is the facade's."""
    room = room_of(dotted)
    return room if room in LEVEL else FACADE


def violations(modules: Iterable[Module]) -> list[str]:
    """Return what is wrong with the imports of the modules, one line each."""
    found = []
    for module in modules:
        if module.room not in LEVEL:
            found.append(f"{module.name}: room {module.room!r} is unknown")
            continue
        for line, dotted in imports(module):
            fault = _fault(module.room, dotted)
            if fault:
                found.append(f"{module.name}:{line}: {fault}")
    return found


def _fault(room: str, dotted: str) -> str | None:
    top = dotted.split(".", maxsplit=1)[0]
    if top == PACKAGE:
        target = target_room(dotted)
        if target != room and LEVEL[target] >= LEVEL[room]:
            return f"{room} must not import {target} ({dotted})"
    elif top not in sys.stdlib_module_names:
        if room in ONLY and top not in ONLY[room]:
            return f"{room} must not import {top}, only {', '.join(sorted(ONLY[room]))}"
        if top in NEVER.get(room, ()):
            return f"{room} must not import {top}"
    return None


def foreign(room: str, modules: Iterable[Module]) -> set[str]:
    """Return the third-party packages that a room's modules import, directly or through others."""
    known = {module.name: module for module in modules}
    waiting = [module for module in known.values() if module.room == room]
    seen = {module.name for module in waiting}
    found = set()
    while waiting:
        for _, dotted in imports(waiting.pop()):
            top = dotted.split(".", maxsplit=1)[0]
            if top != PACKAGE:
                found.add(top)
            for name in {dotted, parent(dotted)} & set(known) - seen - {PACKAGE}:
                seen.add(name)
                waiting.append(known[name])
    return found - set(sys.stdlib_module_names)


def parent(dotted: str) -> str:
    return dotted.rpartition(".")[0]


def loaded_by(names: Iterable[str]) -> set[str]:
    """Import modules in a fresh interpreter; return the top-level names of all that it loaded."""
    lines = [f"import {name}" for name in names]
    code = "\n".join(["import sys", *lines, "print(*{name.split('.')[0] for name in sys.modules})"])
    paths = f"import sys; sys.path.insert(0, {str(SOURCE.parent)!r})\n"
    run = subprocess.run(
        [sys.executable, "-c", paths + code], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())


def names_in(room: str) -> list[str]:
    return [module.name for module in MODULES if module.room == room]


def function_lengths(text: str) -> Iterator[tuple[str, int, int]]:
    """Give (name, line, number of lines without the docstring) of every function."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            first = node.body[0]
            if ast.get_docstring(node, clean=False) is not None:
                length -= (first.end_lineno or first.lineno) - first.lineno + 1
            yield node.name, node.lineno, length
