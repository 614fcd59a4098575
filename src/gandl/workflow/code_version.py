"""What code decides a result: a hash of a module and of the gandl modules that it imports, transitively.

Snakemake sees changes of a script, not of the package that the script calls; a rule's `params: code=code_version(...)` closes
that gap. Syntax trees without docstrings and `__all__` are hashed, so that a comment, a docstring, a line break or a module that
a package additionally offers redoes nothing.

Reading 400 modules takes seconds, and every start of Snakemake and every job on a cluster asks: what was found in a file is kept
beside Python's compiled files (`__pycache__`) and holds for exactly these bytes.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from gandl.workflow.files import atomic

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
    for name in modules_of(*modules):
        digest.update(f"{name} {_content(name).statements}\n".encode())
    return digest.hexdigest()[:16]


def modules_of(*modules: str) -> list[str]:
    """Names of the modules that `code_version` hashes, sorted."""
    before = _kept().copy()
    found = _closure(modules)
    if _kept() != before:
        _keep()
    return sorted(found)


@dataclass(frozen=True)
class Content:
    """What counts in a module's file.

    Attributes
    ----------
    file : SHA-256 of its bytes.
    statements : hash of the syntax tree without texts.
    imports : modules and names below gandl that it imports, wherever in the file the import stands; sorted. A name may be that
        of a function: which are modules depends on the other files.
    """

    file: str
    statements: str
    imports: tuple[str, ...]


def _closure(modules: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in found and not _is_neutral(name):
            found.add(name)
            waiting.extend(imported for imported in _content(name).imports if _path(imported) is not None)
            waiting.extend(_packages(name))
    return found


def _is_neutral(module: str) -> bool:
    return module in NEUTRAL or any(package in NEUTRAL for package in _packages(module))


def _packages(module: str) -> list[str]:
    """The packages below gandl that a module lies in: Python runs them, too."""
    parts = module.split(".")
    return [".".join(parts[:depth]) for depth in range(2, len(parts))]


@cache
def _path(module: str) -> Path | None:
    base = PACKAGE.joinpath(*module.split(".")[1:])
    if base.is_dir():
        return base / "__init__.py"
    file = base.with_suffix(".py")
    return file if file.is_file() else None


@cache
def _content(module: str) -> Content:
    """Of a module, kept from before if its file has the same bytes as then."""
    path = _path(module)
    if path is None:
        raise ModuleNotFoundError(f"{module} is not a module of gandl (looked in {PACKAGE.name}/)")
    source = path.read_bytes()
    file, kept = hashlib.sha256(source).hexdigest(), _kept().get(module)
    if kept is not None and kept.file == file:
        return kept
    tree = _tree(source)
    statements = hashlib.sha256(ast.dump(tree).encode()).hexdigest()
    content = Content(file, statements, tuple(sorted(_imports(tree))))
    _kept()[module] = content
    return content


def _tree(source: bytes) -> ast.Module:
    """Of a file, without texts."""
    tree = ast.parse(source)
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


def _imports(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {name for name in names if name.startswith("gandl.")}


def _memory() -> Path:
    """Where contents are kept: with other bytes of this module, or another Python (trees differ), somewhere else."""
    folder = Path(importlib.util.cache_from_source(str(PACKAGE / "__init__.py"))).parent
    reader = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]
    return folder / f"code_version.{sys.implementation.cache_tag}.{reader}.json"


@cache
def _kept() -> dict[str, Content]:
    """Contents by module; none where nothing readable was kept."""
    try:
        kept = json.loads(_memory().read_bytes())
        return {name: Content(of["file"], of["statements"], tuple(of["imports"])) for name, of in kept.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _keep() -> None:
    """Keep all contents, where that is allowed; what other bytes of this module kept for this Python goes."""
    memory = _memory()
    with suppress(OSError):
        with atomic(memory) as partial:
            kept = {name: asdict(content) for name, content in _kept().items()}
            partial.write_text(json.dumps(kept), encoding="utf-8")
        for other in memory.parent.glob(f"code_version.{sys.implementation.cache_tag}.*.json"):
            if other != memory:
                other.unlink(missing_ok=True)
