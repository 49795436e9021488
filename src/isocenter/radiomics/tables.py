"""What run lengths, zones and dependences share: counts of grey level by length, and their features.

Rows of a table are only as long as their level can need, so a table never takes more than a few
bytes a voxel, however many levels there are: row g stands at starts[g] : starts[g + 1].
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isocenter.radiomics import kernels_features
from isocenter.radiomics.region import Ints

Floats = NDArray[np.float64]

# The order of kernels_features.described_table, of which each family has its own names.
RUNS = tuple(
    f"rlm_{name}"
    for name in (
        "sre", "lre", "lgre", "hgre", "srlge", "srhge", "lrlge", "lrhge", "glnu", "glnu_norm", "rlnu", "rlnu_norm",
        "r_perc", "gl_var", "rl_var", "rl_entr",
    )
)  # fmt: skip
SIZES = tuple(
    f"szm_{name}"
    for name in (
        "sze", "lze", "lgze", "hgze", "szlge", "szhge", "lzlge", "lzhge", "glnu", "glnu_norm", "zsnu", "zsnu_norm",
        "z_perc", "gl_var", "zs_var", "zs_entr",
    )
)  # fmt: skip
DISTANCES = tuple(
    f"dzm_{name}"
    for name in (
        "sde", "lde", "lgze", "hgze", "sdlge", "sdhge", "ldlge", "ldhge", "glnu", "glnu_norm", "zdnu", "zdnu_norm",
        "z_perc", "gl_var", "zd_var", "zd_entr",
    )
)  # fmt: skip
DEPENDENCES = tuple(
    f"ngl_{name}"
    for name in (
        "lde", "hde", "lgce", "hgce", "ldlge", "ldhge", "hdlge", "hdhge", "glnu", "glnu_norm", "dcnu", "dcnu_norm",
        "dc_perc", "gl_var", "dc_var", "dc_entr", "dc_energy",
    )
)  # fmt: skip


def described(starts: Ints, table: NDArray[np.int32], n_voxels: int) -> Floats:
    """Features (17,) of one table; what was counted becomes its share of the voxels that could have been."""
    out = np.empty(17)
    kernels_features.described_table(starts, table, out)
    out[12] /= n_voxels
    return out
