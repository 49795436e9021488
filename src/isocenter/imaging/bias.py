"""The only door to SimpleITK: the bias field of MR taken away by N4, if it is installed.

Tustison and others, IEEE Trans Med Imaging 2010. Estimated on a coarse grid and applied to the full one.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isocenter.errors import MissingExtra
from isocenter.imaging.standardise import foreground

Floats = NDArray[np.float64]
SIDE = 64  # voxels a side of the coarse grid: a bias field is smooth
ROUNDS = (50, 50, 50, 50)  # a level of the spline's grid
_ADDED = 1.0  # N4 takes logarithms


def unbiased(array: NDArray[np.generic], spacing: tuple[float, float, float]) -> Floats:
    """(D, H, W) float64 without its bias field; spacing (z, y, x) in mm. MissingExtra without SimpleITK.

    A scan of one slice is corrected in its plane. What is not finite is left as it is; negative values are lifted
    for the estimate only. A flat scan, or one too small to have a field, comes back as it is.
    """
    sitk = _simpleitk()
    values = np.asarray(array, dtype=np.float64)
    inside = foreground(values)
    plane = values.shape[0] == 1
    known = values[inside]
    if known.size == 0 or known.min() == known.max() or min(values.shape[1:] if plane else values.shape) < 4:
        return values.copy()
    lowest = float(values[np.isfinite(values)].min())
    lifted = np.where(np.isfinite(values), values - min(lowest, 0.0), 0.0) + _ADDED
    image = _image(sitk, lifted.astype(np.float32), spacing, plane)
    mask = _image(sitk, inside.astype(np.uint8), spacing, plane)
    shrink = [max(1, round(n / SIDE)) for n in image.GetSize()]
    corrector = sitk.N4BiasFieldCorrectionImageFilter()
    corrector.SetMaximumNumberOfIterations(ROUNDS)
    corrector.SetNumberOfThreads(1)  # with several the last digit varies
    corrector.Execute(sitk.Shrink(image, shrink), sitk.Shrink(mask, shrink))
    field = sitk.GetArrayFromImage(sitk.Exp(corrector.GetLogBiasFieldAsImage(image))).astype(np.float64)
    return np.asarray(values / field.reshape(values.shape))


def _image(sitk: Any, array: NDArray[Any], spacing: tuple[float, float, float], plane: bool) -> Any:
    image = sitk.GetImageFromArray(array[0] if plane else array)
    image.SetSpacing([float(s) if s > 0 else 1.0 for s in (spacing[::-1][:2] if plane else spacing[::-1])])
    return image


def _simpleitk() -> Any:
    try:
        return importlib.import_module("SimpleITK")
    except ImportError as fault:
        raise MissingExtra("N4 needs SimpleITK, which is not installed.", "pip install SimpleITK") from fault
