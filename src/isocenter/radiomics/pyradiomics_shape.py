"""First-order and shape features under the names and conventions of PyRadiomics; texture is in `pyradiomics`.

What differs from IBSI, and how it is made here:

| feature | PyRadiomics | IBSI |
| --- | --- | --- |
| Kurtosis | 3 for a normal distribution, 0 for a flat region | `stat_kurt`: excess, 0 for both |
| TotalEnergy | energy times the volume of a voxel | not defined |
| axes of the ellipsoid | variances over n voxels | over n - 1 here, as IBSI leaves it open |
| Maximum2DDiameter... | within a slice, row or column | not defined |

and what is not made its way, so that values differ by up to a few per cent:

| feature | PyRadiomics | here |
| --- | --- | --- |
| MeshVolume, SurfaceArea, Sphericity, SurfaceVolumeRatio | Lorensen and Cline's table, of 128 cubes: which way a loop is cut depends on how the cube is turned, and marked corners across a side are kept apart in a cube, joined in its negative | the loop's largest cut, the mean of equal ones; marked corners are kept apart always, so the surface is closed |
| anything after resampling | a grid from the corner of the region's box, B-splines for the image, nearest neighbours for the mask | the grid of the whole image by its centre, as IBSI has it |
"""  # noqa: E501

from __future__ import annotations

import math

import numpy as np

from isocenter.radiomics.morphology import diameter, outline_points
from isocenter.radiomics.prepared import Bools, Prepared

FIRST = {
    "stat_mean": "Mean", "stat_median": "Median", "stat_min": "Minimum", "stat_max": "Maximum",
    "stat_p10": "10Percentile", "stat_p90": "90Percentile", "stat_iqr": "InterquartileRange", "stat_range": "Range",
    "stat_mad": "MeanAbsoluteDeviation", "stat_rmad": "RobustMeanAbsoluteDeviation", "stat_rms": "RootMeanSquared",
    "stat_energy": "Energy", "stat_skew": "Skewness", "stat_var": "Variance",
    "ih_entropy": "Entropy", "ih_uniformity": "Uniformity",
}  # fmt: skip
SHAPE = {
    "morph_volume": "MeshVolume", "morph_vol_approx": "VoxelVolume", "morph_area_mesh": "SurfaceArea",
    "morph_av": "SurfaceVolumeRatio", "morph_sphericity": "Sphericity", "morph_diam": "Maximum3DDiameter",
    "morph_pca_elongation": "Elongation", "morph_pca_flatness": "Flatness",
}  # fmt: skip
AXES = {"maj": "Major", "min": "Minor", "least": "Least"}


def renamed(found: dict[str, float], one: Prepared) -> dict[str, float]:
    """Of the features by IBSI tag those that PyRadiomics has, as `firstorder_Mean`, and what it adds to them."""
    named = {f"firstorder_{name}": found[tag] for tag, name in FIRST.items() if tag in found}
    named |= {f"shape_{name}": found[tag] for tag, name in SHAPE.items() if tag in found}
    if "stat_kurt" in found:
        named["firstorder_Kurtosis"] = found["stat_kurt"] + 3 if found["stat_var"] > 0 else 0.0
        named["firstorder_TotalEnergy"] = found["stat_energy"] * math.prod(one.spacing)
    if "morph_diam" in found:
        shape = np.ascontiguousarray(one.shape[one.core])
        n = int(shape.sum())
        for tag, name in AXES.items():
            named[f"shape_{name}AxisLength"] = found[f"morph_pca_{tag}_axis"] * math.sqrt((n - 1) / n)
        named |= _plane_diameters(shape, one.spacing)
    return named


def _plane_diameters(shape: Bools, spacing: tuple[float, float, float]) -> dict[str, float]:
    """The largest distance between two vertices of the mesh in one slice, one plane of rows, one of columns."""
    found = {}
    for axis, name in enumerate(("Slice", "Column", "Row")):
        order = (axis, *(other for other in range(3) if other != axis))
        sides = [spacing[a] for a in order]
        points = outline_points(np.ascontiguousarray(shape.transpose(order)))
        planes = np.split(points, np.flatnonzero(np.diff(points[:, 0])) + 1)
        found[f"shape_Maximum2DDiameter{name}"] = max(diameter(p * (np.array(sides) / 2)) for p in planes)
    return found
