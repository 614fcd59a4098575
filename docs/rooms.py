"""The rooms of the house: takes the imports of `src/gandl`, draws which package uses which into `docs/corridor.md`.

`python docs/rooms.py` rewrites the drawing; `tests/repository/test_rooms.py` keeps it in step and forbids circles and private
imports. A room is a package; a module is public where its package names it in `__all__`.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from gandl.workflow.words import between

REPOSITORY = Path(__file__).resolve().parents[1]
SOURCE = REPOSITORY / "src" / "gandl"
PAGE = REPOSITORY / "docs" / "corridor.md"
START, END = "<!-- the drawing below is made by docs/rooms.py -->", "<!-- end of the drawing -->"
EVERYWHERE = ("config", "tables", "workflow", "workflow.machines", "statistics", "statistics.curves")
"""Rooms that most others use, and that use none of these: not drawn, or the drawing would hold nothing else."""


@cache
def modules() -> dict[str, Path]:
    """Every module and package of gandl by its dotted name."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = ["gandl", *path.relative_to(SOURCE).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def is_room(module: str) -> bool:
    """Whether a dotted name is a package."""
    return modules()[module].name == "__init__.py"


def room_of(module: str) -> str:
    """The package that a module lies in; a package lies in itself."""
    return module if is_room(module) else module.rsplit(".", 1)[0]


@cache
def imports(path: Path) -> frozenset[str]:
    """Modules of gandl that a file imports, wherever in the file the import stands."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            names.update(full if full in modules() else node.module for full in whole.values())
    return frozenset(names & set(modules()))


def public(room: str) -> set[str]:
    """Names in a package's `__all__`: the modules that other packages may import."""
    for node in ast.parse(modules()[room].read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == "__all__" for to in node.targets):
            return set(ast.literal_eval(node.value))
    return set()


@cache
def arrows() -> dict[str, list[str]]:
    """For every package, those that its modules import, sorted."""
    found: dict[str, set[str]] = {name: set() for name in modules() if is_room(name)}
    for name, path in modules().items():
        found[room_of(name)] |= {room_of(other) for other in imports(path)} - {room_of(name)}
    return {room: sorted(used) for room, used in found.items()}


def drawing() -> str:
    """Packages and who uses whom, as a Mermaid flow chart: from what is used to what uses it."""
    linked = {room for room, used in arrows().items() if used} | {room for used in arrows().values() for room in used}
    order = [
        room
        for room in TopologicalSorter(arrows()).static_order()
        if room in linked and _short(room) not in ("", *EVERYWHERE)
    ]
    groups: dict[str, list[str]] = defaultdict(list)
    for room in order:
        groups[_short(room).split(".")[0]].append(_short(room))
    lines = ["```mermaid", "flowchart LR"]
    for stage, rooms in groups.items():
        if len(rooms) == 1:
            lines.append(f"    {_node(rooms[0])}")
        else:
            lines += [f"    subgraph {stage}_ [{stage}]", *(f"        {_node(room)}" for room in rooms), "    end"]
    for user in order:
        used = {_short(room) for room in arrows()[user] if _short(room) not in ("", *EVERYWHERE)}
        lines += [f"    {_id(room)} --> {_id(_short(user))}" for room in sorted(used)]
    return "\n".join([*lines, "```"])


def page() -> str:
    """`docs/corridor.md` with the drawing as the imports are now."""
    return between(PAGE.read_text(encoding="utf-8"), START, END, drawing())


def _short(room: str) -> str:
    return room.removeprefix("gandl").removeprefix(".")


def _id(short: str) -> str:
    return short.replace(".", "_")


def _node(short: str) -> str:
    return f'{_id(short)}["{short.rsplit(".", 1)[-1]}"]'


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
