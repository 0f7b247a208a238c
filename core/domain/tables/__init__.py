"""Tables that the rules read: what Twilio documents and what the law says, kept as files that a person can edit."""

import json
from importlib.resources import files
from typing import Any


def load(name: str) -> Any:
    """Read the table `name` (without `.json`) from beside this module; its reader knows its shape."""
    return json.loads(files(__name__).joinpath(f"{name}.json").read_text(encoding="utf-8"))
