"""The command `gandl check`, as `python -m gandl` would run it, in this process."""

from __future__ import annotations

import argparse

from gandl.commands.check import add_parser


def gandl_check(*arguments: object) -> object:
    """Run it; its exit status, None if all is well."""
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    options = parser.parse_args(["check", *map(str, arguments)])
    try:
        options.run(options)
    except SystemExit as end:
        return end.code
    return None
