"""Loops that numba compiles on first use and keeps on disk; plain arrays in and out."""

from typing import Any

# Called from Python. A wrapper for C, which nobody calls, would take time to compile.
CALLED: dict[str, Any] = {
    "nogil": True,
    "cache": True,
    "error_model": "numpy",
    "no_cfunc_wrapper": True,
}
# Called by other compiled functions alone.
INNER: dict[str, Any] = CALLED | {"no_cpython_wrapper": True}
