"""The only door to SimpleITK: the bias field of MR found by N4, if it is installed, and taken away.

Tustison and others, IEEE Trans Med Imaging 2010. A field is smooth: it is estimated on a coarse grid and kept on a
coarser one, so that it is found once per scan and applied again for next to nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isocenter.errors import MissingExtra
from isocenter.imaging.resize import area_resize
from isocenter.imaging.standardise import foreground

Floats = NDArray[np.float64]
SIDE, KEPT = 40, 32  # voxels a side of the grid of estimation, and of what is kept
SMALLEST = 4  # voxels a side that a scan needs to have a field
ROUNDS = (50, 50, 50, 50)  # a level of the spline's grid
_ADDED = 1.0  # N4 takes logarithms


def bias_field(array: NDArray[np.generic], spacing: tuple[float, float, float]) -> NDArray[np.float32]:
    """(d, h, w), at most 32 a side: the logarithm of the field of a scan (D, H, W); spacing (z, y, x) in mm.

    A scan of one slice has a field in its plane. Negative values are lifted for the estimate. A flat scan, or one
    too small to have a field, has none: 0. MissingExtra without SimpleITK.
    """
    sitk = _simpleitk()
    values = np.asarray(array, dtype=np.float64)
    inside = foreground(values)
    plane = values.shape[0] == 1
    known = values[inside]
    sides = values.shape[1:] if plane else values.shape
    if known.size == 0 or known.min() == known.max() or min(sides) < SMALLEST:
        return np.zeros((1, 1, 1), dtype=np.float32)
    lowest = float(values[np.isfinite(values)].min())
    lifted = np.where(np.isfinite(values), values - min(lowest, 0.0), 0.0) + _ADDED
    image = _image(sitk, lifted.astype(np.float32), spacing, plane)
    mask = _image(sitk, inside.astype(np.uint8), spacing, plane)
    shrink = [max(1, -(-n // SIDE)) for n in image.GetSize()]
    corrector = sitk.N4BiasFieldCorrectionImageFilter()
    corrector.SetMaximumNumberOfIterations(ROUNDS)
    corrector.SetNumberOfThreads(1)  # with several the last digit varies
    corrector.Execute(sitk.Shrink(image, shrink), sitk.Shrink(mask, shrink))
    field = sitk.GetArrayFromImage(corrector.GetLogBiasFieldAsImage(image)).reshape(values.shape)
    small = (min(KEPT, values.shape[0]), min(KEPT, values.shape[1]), min(KEPT, values.shape[2]))
    return np.asarray(area_resize(field[None], small)[0], dtype=np.float32)


def without_field(array: NDArray[np.generic], field: NDArray[np.float32]) -> Floats:
    """(D, H, W) float64, the array divided by its field, which is interpolated between its coarse voxels."""
    values = np.asarray(array, dtype=np.float64)
    if field.size == 1:
        return values / float(np.exp(field.ravel()[0]))
    scale = [n / m for n, m in zip(values.shape, field.shape, strict=True)]
    full = ndimage.zoom(field.astype(np.float64), scale, order=1, mode="nearest", grid_mode=True)
    return np.asarray(values / np.exp(full))


def _image(sitk: Any, array: NDArray[Any], spacing: tuple[float, float, float], plane: bool) -> Any:
    image = sitk.GetImageFromArray(array[0] if plane else array)
    image.SetSpacing([float(s) if s > 0 else 1.0 for s in (spacing[::-1][:2] if plane else spacing[::-1])])
    return image


def _simpleitk() -> Any:
    try:
        import SimpleITK
    except ImportError as fault:
        raise MissingExtra("N4 needs SimpleITK, which is not installed.", 'pip install "isocenter[mr]"') from fault
    return SimpleITK
