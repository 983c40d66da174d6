"""Tables that programs write for people. Pure."""

from collections.abc import Sequence


def row(cells: Sequence[str]) -> str:
    """One line of a table; what would end a cell or the line is replaced."""
    return f"| {' | '.join(cell.replace('|', '∣').replace(chr(10), ' ') for cell in cells)} |"
