"""Texture under the names and conventions of PyRadiomics, for people who move over.

Where both define a feature, the formulas are the same: on PyRadiomics' own test data the values agree to
1e-11. What differs is convention: averages are over directions that have pairs; a flat region has
correlation 1 and first information measure 0 (in IBSI both are undefined); the maximal correlation
coefficient is PyRadiomics' alone; sum average, dissimilarity, dependence percentage and others that
repeat something have no name there. Its 2D (`force2D`) is IBSI's 2.5D; its `no_weighting` merges
directions.
"""

from __future__ import annotations

import math

PAIRS = {
    "joint_max": "MaximumProbability", "joint_avg": "JointAverage", "joint_var": "SumSquares",
    "joint_entr": "JointEntropy", "diff_avg": "DifferenceAverage", "diff_var": "DifferenceVariance",
    "diff_entr": "DifferenceEntropy", "sum_avg": "SumAverage", "sum_entr": "SumEntropy", "energy": "JointEnergy",
    "contrast": "Contrast", "inv_diff": "Id", "inv_diff_norm": "Idn", "inv_diff_mom": "Idm",
    "inv_diff_mom_norm": "Idmn", "inv_var": "InverseVariance", "corr": "Correlation", "auto_corr": "Autocorrelation",
    "clust_tend": "ClusterTendency", "clust_shade": "ClusterShade", "clust_prom": "ClusterProminence",
    "info_corr1": "Imc1", "info_corr2": "Imc2",
}  # fmt: skip
RUNS = {
    "sre": "ShortRunEmphasis", "lre": "LongRunEmphasis", "lgre": "LowGrayLevelRunEmphasis",
    "hgre": "HighGrayLevelRunEmphasis", "srlge": "ShortRunLowGrayLevelEmphasis",
    "srhge": "ShortRunHighGrayLevelEmphasis", "lrlge": "LongRunLowGrayLevelEmphasis",
    "lrhge": "LongRunHighGrayLevelEmphasis", "glnu": "GrayLevelNonUniformity",
    "glnu_norm": "GrayLevelNonUniformityNormalized", "rlnu": "RunLengthNonUniformity",
    "rlnu_norm": "RunLengthNonUniformityNormalized", "r_perc": "RunPercentage", "gl_var": "GrayLevelVariance",
    "rl_var": "RunVariance", "rl_entr": "RunEntropy",
}  # fmt: skip
SIZES = {
    "sze": "SmallAreaEmphasis", "lze": "LargeAreaEmphasis", "lgze": "LowGrayLevelZoneEmphasis",
    "hgze": "HighGrayLevelZoneEmphasis", "szlge": "SmallAreaLowGrayLevelEmphasis",
    "szhge": "SmallAreaHighGrayLevelEmphasis", "lzlge": "LargeAreaLowGrayLevelEmphasis",
    "lzhge": "LargeAreaHighGrayLevelEmphasis", "glnu": "GrayLevelNonUniformity",
    "glnu_norm": "GrayLevelNonUniformityNormalized", "zsnu": "SizeZoneNonUniformity",
    "zsnu_norm": "SizeZoneNonUniformityNormalized", "z_perc": "ZonePercentage", "gl_var": "GrayLevelVariance",
    "zs_var": "ZoneVariance", "zs_entr": "ZoneEntropy",
}  # fmt: skip
DEPENDENCES = {
    "lde": "SmallDependenceEmphasis", "hde": "LargeDependenceEmphasis", "lgce": "LowGrayLevelEmphasis",
    "hgce": "HighGrayLevelEmphasis", "ldlge": "SmallDependenceLowGrayLevelEmphasis",
    "ldhge": "SmallDependenceHighGrayLevelEmphasis", "hdlge": "LargeDependenceLowGrayLevelEmphasis",
    "hdhge": "LargeDependenceHighGrayLevelEmphasis", "glnu": "GrayLevelNonUniformity", "gl_var": "GrayLevelVariance",
    "dcnu": "DependenceNonUniformity", "dcnu_norm": "DependenceNonUniformityNormalized",
    "dc_var": "DependenceVariance", "dc_entr": "DependenceEntropy",
}  # fmt: skip
TONES = {name: name.capitalize() for name in ("coarseness", "contrast", "busyness", "complexity", "strength")}

# Our beginning of a tag, PyRadiomics' class, its features by the rest of the tag, and whether it has directions.
FAMILIES = (
    ("cm", "glcm", PAIRS, True),
    ("rlm", "glrlm", RUNS, True),
    ("szm", "glszm", SIZES, False),
    ("ngl", "gldm", DEPENDENCES, False),
    ("ngt", "ngtdm", TONES, False),
)
_FLAT = {"Correlation": 1.0, "Imc1": 0.0}


def renamed(found: dict[str, float], *, planar: bool = False, merged: bool = False) -> dict[str, float]:
    """Of `textures.textures`' features those of one aggregation, as `glcm_Contrast`; families that are absent stay so.

    planar: `force2D`; merged: `no_weighting`, directions in one matrix. GLCM's `MCC` is not among them:
    `textures.maximal_correlation`.
    """
    ending = "2_5D" if planar else "3D"
    way = "_comb" if merged else "_avg"
    named = {}
    for start, family, names, directional in FAMILIES:
        for tag, name in names.items():
            key = f"{start}_{tag}_{ending}{way if directional else ''}"
            if key in found:
                named[f"{family}_{name}"] = _conventional(name, found[key], found.get(f"cm_joint_var_{ending}{way}"))
    return named


def _conventional(name: str, value: float, variance: float | None) -> float:
    """What PyRadiomics says of a flat region, where IBSI says nothing."""
    return _FLAT[name] if name in _FLAT and math.isnan(value) and variance == 0 else value
