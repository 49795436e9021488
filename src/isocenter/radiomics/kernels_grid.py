"""Trilinear interpolation on a regular grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isocenter.compiling import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@compiled(
    "void(float64[:, :, ::1], int64[::1], int64[::1], int64[::1], float64[::1], float64[::1], float64[::1],"
    " float64[:, :, ::1])"
)
def trilinear(part: Floats, z: Ints, y: Ints, x: Ints, wz: Floats, wy: Floats, wx: Floats, out: Floats) -> None:
    """Into out (d, h, w), in place: `part` at z + wz and so on; each row is mixed once, then read along x."""
    n = part.shape[2]
    row = np.empty(n + 1)
    for i in range(len(z)):
        z0, z1 = z[i], min(z[i] + 1, part.shape[0] - 1)
        for j in range(len(y)):
            y0, y1 = y[j], min(y[j] + 1, part.shape[1] - 1)
            if wz[i] == 0.0 and wy[j] == 0.0:
                for k in range(n):
                    row[k] = part[z0, y0, k]
            else:
                a, b = 1 - wz[i], wz[i]
                c, d = 1 - wy[j], wy[j]
                for k in range(n):
                    row[k] = a * (c * part[z0, y0, k] + d * part[z0, y1, k]) + b * (
                        c * part[z1, y0, k] + d * part[z1, y1, k]
                    )
            row[n] = row[n - 1]
            for k in range(len(x)):
                low = row[x[k]]
                out[i, j, k] = low + wx[k] * (row[x[k] + 1] - low)
