"""Variables to a .mat file that MATLAB and Octave load: version 5, through scipy."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from isocenter import disk
from isocenter.errors import UnreadableFile

_HEADER_TEXT = 116
_NAME_LIMIT = 63  # MATLAB's namelengthmax, until R2024b
_EXACT = 2**53  # whole numbers beyond it have no double of their own
# Words that cannot name a variable.
_KEYWORDS = frozenset(
    "break case catch classdef continue else elseif end for function global if otherwise parfor persistent return "
    "spmd switch try while".split()
)

Array = NDArray[Any]


def write_mat(path: Path, variables: Mapping[str, ArrayLike]) -> None:
    """Write variables as .mat v5, all or nothing: text as a column cellstr, numbers as double, bool as logical.

    One-dimensional variables become columns, matrices stay. The same variables give the same
    bytes (scipy's header would carry the time). Names must be MATLAB's (see `matlab_names`).
    """
    from scipy.io import savemat

    for name in variables:
        if matlab_names([name]) != [name]:
            raise UnreadableFile(f"'{name}' cannot be the name of a MATLAB variable.", "Use letters, digits and _.")
    content = io.BytesIO()
    target: Any = content  # scipy takes a file as well; its stubs say only paths
    savemat(target, {n: _written(v) for n, v in variables.items()}, oned_as="column", long_field_names=True)
    text = b"MATLAB 5.0 MAT-file, written by Isocenter".ljust(_HEADER_TEXT)
    disk.write_bytes(path, text + content.getvalue()[_HEADER_TEXT:])


def _written(value: ArrayLike) -> Array:
    array = np.asarray(value)
    if array.dtype.kind in "biuf":
        return array if array.dtype == np.bool_ else array.astype(np.float64)
    texts = ["" if missing else str(text) for text, missing in zip(array.ravel(), pd.isna(array.ravel()), strict=True)]
    cells = np.empty((len(texts), 1), dtype=object)
    cells[:, 0] = texts
    return cells


def matlab_names(columns: Iterable[str]) -> list[str]:
    """Names that MATLAB accepts for `columns`, in order, no two alike: letters, digits and _, at most 63."""
    taken: set[str] = set()
    names = []
    for column in columns:
        name = re.sub(r"\W", "_", column, flags=re.ASCII)
        name = (name if name[:1].isalpha() else f"x{name}")[:_NAME_LIMIT]
        base, number = name, 2
        while name.lower() in taken:
            name, number = f"{base[: _NAME_LIMIT - 4]}_{number}", number + 1
        taken.add(name.lower())
        names.append(name)
    return names
