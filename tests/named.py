"""Names in texts, and whether there is something by them."""

import importlib
import re

NAME = re.compile(r"\bmcsgd(?:\.[A-Za-z_]\w*)+")


def exists(name):
    """Whether a dotted name is that of a module, or of something in one."""
    module, *rest = name.split(".")
    found = importlib.import_module(module)
    for part in rest:
        module = f"{module}.{part}"
        if not hasattr(found, part):
            try:
                importlib.import_module(module)
            except ImportError:
                return False
        found = getattr(found, part)
    return True
