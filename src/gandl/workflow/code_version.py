"""What code decides a result: a hash of a module and of the gandl modules that it imports, transitively.

Snakemake sees changes of a script, not of the package that the script calls; a rule's `params: code=code_version(...)` closes
that gap. Syntax trees without docstrings and `__all__` are hashed, so that a comment, a docstring, a line break or a module that
a package additionally offers redoes nothing.
"""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
NEUTRAL = frozenset(
    {
        "gandl.config",
        "gandl.embeddings.kinds",
        "gandl.models.engine.memory",
        "gandl.models.looks.measures",
        "gandl.models.looks.status",
        "gandl.models.networks.kinds",
        "gandl.models.objectives.gan_work",
        "gandl.models.objectives.kinds",
        "gandl.workflow.code_version",
        "gandl.workflow.interruption",
        "gandl.workflow.progress",
        "gandl.workflow.words",
    }
)
"""Modules, and packages with all in them, that decide no result: settings reach a rule's `params` as values; progress, status,
work, memory and words only report; tables of what can be chosen (`kinds`, `measures`) lead to a module that is named beside them
(`Objective.code`; `kinds.MODULES` of the embeddings); an interrupted job continues with the same numbers; and this one. A text
changed in one of them must not restart a training."""


def code_version(*modules: str) -> str:
    """Hash (16 hexadecimal digits) of the named modules and all that they import from gandl.

    Parameters
    ----------
    modules : dotted names, e.g. "gandl.normalization.profiles".

    Raises
    ------
    ModuleNotFoundError : a name is not a module of gandl.
    """
    digest = hashlib.sha256()
    for name in sorted(_closure(modules)):
        digest.update(f"{name} {_tree_hash(name)}\n".encode())
    return digest.hexdigest()[:16]


def modules_of(*modules: str) -> list[str]:
    """Names of the modules that `code_version` hashes, sorted."""
    return sorted(_closure(modules))


def _closure(modules: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in found and not _is_neutral(name):
            found.add(name)
            waiting.extend(_imports(name))
            waiting.extend(_packages(name))
    return found


def _is_neutral(module: str) -> bool:
    return module in NEUTRAL or any(package in NEUTRAL for package in _packages(module))


def _packages(module: str) -> list[str]:
    """The packages below gandl that a module lies in: Python runs them, too."""
    parts = module.split(".")
    return [".".join(parts[:depth]) for depth in range(2, len(parts))]


def _path(module: str) -> Path | None:
    base = PACKAGE.joinpath(*module.split(".")[1:])
    if base.is_dir():
        return base / "__init__.py"
    file = base.with_suffix(".py")
    return file if file.is_file() else None


@cache
def _tree(module: str) -> ast.Module:
    path = _path(module)
    if path is None:
        raise ModuleNotFoundError(f"{module} is not a module of gandl (looked in {PACKAGE.name}/)")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [part for part in body if not (_is_text(part) or _is_offer(part))]  # type: ignore[attr-defined]
    return tree


def _is_text(node: ast.AST) -> bool:
    """A docstring, or a string that stands alone (the documentation of a constant)."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_offer(node: ast.AST) -> bool:
    """`__all__`: what a package offers, which decides nothing."""
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"


@cache
def _tree_hash(module: str) -> str:
    return hashlib.sha256(ast.dump(_tree(module)).encode()).hexdigest()


@cache
def _imports(module: str) -> tuple[str, ...]:
    """Modules of gandl that this one imports, wherever in the file the import stands."""
    names: set[str] = set()
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return tuple(sorted(name for name in names if name.startswith("gandl.") and _path(name) is not None))
