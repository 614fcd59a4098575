"""Bundle: takes the page's JavaScript modules and the library that draws, makes the scripts that the page holds.

A page that is opened from a file can load no module from another file, so the modules are joined into one script: in the order
that their imports demand, without `import` and `export`. Their top-level names must therefore differ; `joined` checks that.
"""

from __future__ import annotations

import re
from graphlib import TopologicalSorter
from importlib.metadata import metadata
from importlib.resources import files
from pathlib import Path
from typing import Any

STATIC = Path(__file__).parent / "static"
LIBRARY = ("plotly", "package_data/plotly.min.js")
"""The PyPI package whose file draws axes, heat maps and curves, and where it lies in there."""
IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+\.js)";\n', re.MULTILINE)
DEFINED = re.compile(r"^(?:export )?(?:async )?(?:function\*?|const|let|class) (\w+)", re.MULTILINE)


class BundleError(ValueError):
    """The library's file is missing, or modules do not fit together; the message names them."""


def joined(folder: Path = STATIC) -> str:
    """All modules of a folder as one script.

    Raises
    ------
    BundleError : a module imports one that is not there, or two modules define the same name.
    """
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.js"))}
    uses = {name: IMPORT.findall(text) for name, text in texts.items()}
    for name, used in uses.items():
        if absent := sorted(set(used) - texts.keys()):
            raise BundleError(f"{name} imports {', '.join(absent)}, which is not in {folder}")
    owner: dict[str, str] = {}
    for name, text in texts.items():
        for defined in DEFINED.findall(text):
            if defined in owner:
                raise BundleError(f"{owner[defined]} and {name} both define {defined}")
            owner[defined] = name
    parts = []
    for name in TopologicalSorter(uses).static_order():
        body = re.sub(r"^export ", "", IMPORT.sub("", texts[name]), flags=re.MULTILINE)
        parts.append(f"// {name}\n{body.strip()}\n")
    return "(() => {\n" + '"use strict";\n' + "\n".join(parts) + "})();\n"


def library() -> tuple[str, dict[str, Any]]:
    """The library's script, and what the page says of it: name, version, licence, copyright line.

    Raises
    ------
    BundleError : the package lacks its built file.
    """
    package, place = LIBRARY
    try:
        text = files(package).joinpath(place).read_text(encoding="utf-8")
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise BundleError(f"the package {package} lacks {place}, which draws the page: {error}") from error
    about = metadata(package)
    banner = re.search(r"/\*\*?\s*(.*?)\*/", text[:2000], re.DOTALL)
    lines = [line.strip(" *") for line in banner[1].splitlines()] if banner else []
    return text.replace("</script", "<\\/script"), {
        "name": lines[0] if lines else package,
        "package": f"{package} {about['Version']}",
        "lines": [line for line in lines[1:] if line],
    }
