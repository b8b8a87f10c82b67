"""Imports point down the layers, no module is in a cycle, and the source keeps the house rules.

The checker reads syntax only, so it sees every import: at the top of a module, inside a function, or
under TYPE_CHECKING. It is tested on small trees that break one rule each.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "torsor"

LAYERS = {
    "errors": 0,
    "linalg": 0.25,  # raises our errors
    "symbolic": 0.5,  # the base of groups, representations and specs; raises our errors
    "warn": 0.5,
    "groups": 1,
    "reps": 2,
    "fibre": 3,
    "kernels": 4,
    "spaces": 4,
    "fields": 5,
    "check": 6,
    "nn": 7,
    "models": 8,
    "data": 8,
    "symmetrize": 8,
    "export": 9,
    "plot": 9,
    "testing": 9,
    "taxonomy": 10,
    "train": 10,
    "cli": 11,
    "__main__": 12,
}
TOP = 12  # torsor/__init__.py re-exports from every layer, and no module imports from it
CORE = 7  # up to here a module may import torch, numpy and the standard library, and nothing else
CORE_PACKAGES = {"torsor", "torch", "numpy", *sys.stdlib_module_names}
BROAD = {None, "Exception", "BaseException"}
MISSING = {"ImportError", "ModuleNotFoundError"}


# ------------------------------------------------------------------------------------------- reading


def read(root: Path) -> dict[str, ast.Module]:
    """Every module below `root` by its dotted name; a package stands for its `__init__`."""
    trees = {}
    for path in sorted(root.rglob("*.py")):
        parts = (root.name, *path.relative_to(root).with_suffix("").parts)
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        tree.is_package = path.name == "__init__.py"  # type: ignore[attr-defined]
        trees[name] = tree
    return trees


def imports(name: str, trees: dict[str, ast.Module]) -> Iterator[tuple[int, str]]:
    """(line, dotted name of what is imported) for every import of a module, ours or not.

    `from a import b` imports a.b where that is a module of ours, otherwise a.
    """
    for node in ast.walk(trees[name]):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node.module or "", node.level, name, trees)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield node.lineno, inner if inner in trees else base
        elif isinstance(node, ast.Call) and _called(node) in {"import_module", "__import__"}:
            if node.args and isinstance(node.args[0], ast.Constant):
                target = str(node.args[0].value)
                level = len(target) - len(target.lstrip("."))
                yield node.lineno, _absolute(target[level:], level, name, trees)


def _absolute(module: str, level: int, name: str, trees: dict[str, ast.Module]) -> str:
    if level == 0:
        return module
    parts = name.split(".")
    kept = len(parts) - level + trees[name].is_package  # type: ignore[attr-defined]
    return ".".join([*parts[:kept], *filter(None, [module])])


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def unit(module: str) -> str:
    """The entry of the layer table that a module of ours belongs to; "" for torsor itself."""
    return module.split(".")[1] if "." in module else ""


# --------------------------------------------------------------------------------------------- rules


def layer_violations(root: Path) -> list[str]:
    """Imports that do not point down, modules outside the table, foreign packages in the core."""
    trees, found = read(root), []
    for name in trees:
        source = unit(name)
        if not source:
            continue
        if source not in LAYERS:
            found.append(f"{name}: {source!r} is not in the layer table")
            continue
        for line, target in imports(name, trees):
            if target.split(".")[0] != root.name:
                if LAYERS[source] <= CORE and target.split(".")[0] not in CORE_PACKAGES:
                    found.append(f"{name}:{line} imports {target}: the core needs torch and numpy only")
            elif unit(target) != source and LAYERS.get(unit(target), TOP) >= LAYERS[source]:
                found.append(f"{name}:{line} (layer {LAYERS[source]}) imports {target}, which is not below it")
    return found


def cycle(root: Path) -> list[str]:
    """One import cycle among the modules, or []. A module does not depend on the packages that contain it."""
    trees = read(root)
    graph = {name: {t for _, t in imports(name, trees) if t in trees and t != name} for name in trees}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1][::-1]  # the sorter lists predecessors first
    return []


def rule_violations(root: Path) -> list[str]:
    """Star imports, assert statements, printing outside the CLI and swallowed exceptions."""
    return [
        f"{name}:{node.lineno} {complaint}"
        for name, tree in read(root).items()
        for node in ast.walk(tree)
        for complaint in _complaints(node, prints=unit(name) in {"cli", "__main__"})
    ]


def _complaints(node: ast.AST, prints: bool) -> Iterator[str]:
    match node:
        case ast.ImportFrom() if any(alias.name == "*" for alias in node.names):
            yield "star import"
        case ast.Assert():
            yield "assert: raise an exception of torsor.errors, or use torch._check"
        case ast.Call(func=ast.Name("print")) if not prints:
            yield "print: the library returns, the CLI prints"
        case ast.Call() if _called(node) == "suppress":
            yield "swallowed exception: contextlib.suppress"
        case ast.ExceptHandler() if _swallows(node):
            yield "swallowed exception"


def _swallows(handler: ast.ExceptHandler) -> bool:
    """Whether a handler does nothing, or catches everything or a missing extra without raising."""
    if all(_is_idle(statement) for statement in handler.body):
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {kind and (kind.attr if isinstance(kind, ast.Attribute) else getattr(kind, "id", "")) for kind in kinds}
    raises = any(isinstance(inner, ast.Raise) for inner in ast.walk(handler))
    return bool(names & (BROAD | MISSING)) and not raises


def _is_idle(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Pass | ast.Continue | ast.Break) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


# ------------------------------------------------------------------------------------- torsor itself


def test_imports_point_down():
    assert not layer_violations(SOURCE)


def test_no_import_cycle():
    assert not cycle(SOURCE), " -> ".join(cycle(SOURCE))


def test_house_rules():
    assert not rule_violations(SOURCE)


def test_import_needs_no_extra():
    extras = "matplotlib, lightning, pytorch_lightning, rich, typer, tensorboard, onnx, onnxruntime"
    code = f"import sys, torsor; print(*set('{extras}'.split(', ')) & set(sys.modules))"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.split() == []


# --------------------------------------------------------------------------------- the checker itself


def write(root: Path, files: dict[str, str]) -> Path:
    root = root / "torsor"
    for path, text in {"__init__.py": "", **files}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return root


CLEAN = {
    "__init__.py": "import importlib\nfrom torsor.fields import Field\nfrom . import groups\n",
    "errors.py": "class TorsorError(Exception): ...\n",
    "groups/__init__.py": "from .base import Group\nfrom .cyclic import Cyclic\n",
    "groups/base.py": "import torch\nfrom torsor.errors import TorsorError\nclass Group: ...\n",
    "groups/cyclic.py": "from . import base\nfrom .base import Group\nclass Cyclic(Group): ...\n",
    "fields.py": "from torsor import groups as G\n",
    "plot.py": "try:\n    import matplotlib\nexcept ImportError as e:\n    raise RuntimeError from e\n",
    "cli.py": "from torsor.plot import show\nprint('allowed here')\n",
}

LAYER_CASES = {
    "upward": {"groups/a.py": "from torsor.nn import Conv", "nn/__init__.py": ""},
    "upward, relative": {"groups/a.py": "from ..nn import Conv", "nn/__init__.py": ""},
    "upward, relative to the package": {"groups/__init__.py": "from .. import nn", "nn/__init__.py": ""},
    "upward, plain import": {"reps/a.py": "import torsor.nn.conv", "nn/conv.py": ""},
    "upward, in a function": {"groups/a.py": "def f():\n    from torsor import reps", "reps/__init__.py": ""},
    "upward, for types": {
        "groups/a.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from torsor.reps import Rep"
    },
    "upward, dynamic": {"groups/a.py": "from importlib import import_module\nimport_module('torsor.nn')"},
    "upward, dynamic and relative": {"groups/a.py": "import importlib\nimportlib.import_module('..nn', __package__)"},
    "sibling": {"kernels/a.py": "from torsor.spaces import Grid", "spaces/__init__.py": ""},
    "the top": {"nn/a.py": "import torsor"},
    "a name of the top": {"nn/a.py": "from torsor import cached"},
    "not in the table": {"helpers.py": ""},
    "foreign package in the core": {"groups/a.py": "def f():\n    import scipy.linalg"},
}

CYCLE_CASES = {
    "within a package": {"groups/a.py": "from .b import B", "groups/b.py": "from torsor.groups.a import A"},
    "in functions": {
        "groups/a.py": "def f():\n    from . import b",
        "groups/b.py": "def g():\n    import torsor.groups.a",
    },
    "for types": {
        "reps/a.py": "from .b import B",
        "reps/b.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .a import A",
    },
    "through the package": {
        "nn/__init__.py": "from .conv import Conv",
        "nn/conv.py": "from torsor.nn import Linear",
    },
    "of three": {
        "reps/a.py": "from . import b",
        "reps/b.py": "from . import c",
        "reps/c.py": "from . import a",
    },
    "between packages": {
        "groups/__init__.py": "from torsor.reps import Rep",
        "reps/__init__.py": "from torsor.groups import Group",
    },
}

RULE_CASES = {
    "star import": "from torsor.groups import *",
    "assert": "def f(x):\n    assert x",
    "print": "print('hello')",
    "bare except": "try:\n    f()\nexcept:\n    g()",
    "except Exception": "try:\n    f()\nexcept (ValueError, Exception):\n    g()",
    "except pass": "try:\n    f()\nexcept KeyError:\n    pass",
    "except continue": "for x in y:\n    try:\n        f()\n    except KeyError:\n        continue",
    "missing extra": "try:\n    import lightning\nexcept ImportError:\n    lightning = None",
    "suppress": "import contextlib\nwith contextlib.suppress(KeyError):\n    f()",
}


def test_checker_accepts_a_clean_tree(tmp_path):
    root = write(tmp_path, CLEAN)
    assert (layer_violations(root), cycle(root), rule_violations(root)) == ([], [], [])


@pytest.mark.parametrize("case", LAYER_CASES)
def test_checker_finds_layer_violation(tmp_path, case):
    assert len(layer_violations(write(tmp_path, LAYER_CASES[case]))) == 1


@pytest.mark.parametrize("case", CYCLE_CASES)
def test_checker_finds_cycle(tmp_path, case):
    found = cycle(write(tmp_path, CYCLE_CASES[case]))
    assert len(found) > 2 and found[0] == found[-1]


@pytest.mark.parametrize("case", RULE_CASES)
def test_checker_finds_broken_rule(tmp_path, case):
    assert len(rule_violations(write(tmp_path, {"groups/a.py": RULE_CASES[case]}))) == 1
