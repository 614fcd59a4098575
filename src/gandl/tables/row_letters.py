"""Names of plate rows and their numbers: takes `A` ... `Z`, `AA` ... `AF`, gives 1 to 32, and the reverse."""

from __future__ import annotations

LETTERS = 26


def row_number(name: str) -> int:
    """Which row of a plate a name means, from 1: A is 1, Z 26, AA 27; in capital or small letters.

    Raises
    ------
    ValueError : the name is empty, or not of letters A to Z.
    """
    if not (name.isascii() and name.isalpha()):
        raise ValueError(f"{name!r} is no name of a plate row: rows are named A to Z, then AA, AB and so on")
    number = 0
    for letter in name.upper():
        number = LETTERS * number + ord(letter) - ord("A") + 1
    return number


def row_name(number: int) -> str:
    """The name of a row that is counted from 1: 1 is A, 26 Z, 27 AA.

    Raises
    ------
    ValueError : a number below 1.
    """
    if number < 1:
        raise ValueError(f"{number} is no number of a plate row: rows are counted from 1")
    name = ""
    while number:
        number, letter = divmod(number - 1, LETTERS)
        name = chr(ord("A") + letter) + name
    return name
