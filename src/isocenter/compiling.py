"""The one door to numba: how loops are compiled, kept on disk, without Python's lock.

Kernels live in files of their own (`kernels*.py` of the rooms that need them) and are imported where they are called:
numba starts in half a second, and the first time on a machine each file compiles for some seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(signature: str | None = None) -> Callable[[F], F]:
    """Compiles for these types at once (None: for what it is first called with), and keeps the code on disk.

    Without a folder to write to, on a full disk or with a damaged cache it compiles without one.
    """
    types = () if signature is None else (signature,)

    def compiling(function: F) -> F:
        try:
            return cast(F, njit(*types, nogil=True, cache=True)(function))
        except Exception:  # noqa: BLE001  # of many kinds; a fault of the function itself is raised again below
            return cast(F, njit(*types, nogil=True)(function))

    return compiling


def part(function: F) -> F:
    """A piece of a kernel, compiled with it."""
    return cast(F, njit(inline="never")(function))


def summing(function: F) -> F:
    """A piece whose sums may be made in any order, so that several terms are added at once."""
    return cast(F, njit(fastmath={"reassoc", "contract"})(function))
