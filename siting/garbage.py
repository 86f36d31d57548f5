"""Python's search for garbage, put off while many objects that stay are made."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collection() -> Iterator[None]:
    """
    Put off the search for cyclic garbage, where none is made.

    Each search looks at all the objects that live. The setting is that of the process, and is
    put back as it was.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
