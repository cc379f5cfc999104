"""What commands say: results to standard output, everything about them to standard error, JSON on request."""

import json
from typing import Any

from rich.console import Console

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """A line for a person, square brackets and all."""
    out.print(text, markup=False)


def note(text: str) -> None:
    """A line beside the result."""
    err.print(text, markup=False)


def give_json(value: Any) -> None:
    """`value` as JSON, unwrapped, for a script."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))
