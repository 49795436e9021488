"""How kernels of this room are compiled: once for given types, kept on disk, without Python's lock.

Kernels live in `kernels_*.py`, one a theme, and are imported where they are called: numba starts in
half a second, and the first time on a machine each file compiles for some seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(signature: str) -> Callable[[F], F]:
    """Compiles for these types at once, and keeps the code on disk for the next process.

    Without a folder to write to, on a full disk or with a damaged cache it compiles without one.
    """

    def compiling(function: F) -> F:
        try:
            return cast(F, njit(signature, nogil=True, cache=True)(function))
        except Exception:  # noqa: BLE001  # of many kinds; a fault of the function itself is raised again below
            return cast(F, njit(signature, nogil=True)(function))

    return compiling


def part(function: F) -> F:
    """A piece of a kernel, compiled with it."""
    return cast(F, njit(inline="never")(function))


def summing(function: F) -> F:
    """A piece whose sums may be made in any order, so that several terms are added at once."""
    return cast(F, njit(fastmath={"reassoc", "contract"})(function))
