"""The features of IBSI 1: tag, the four-letter code that its reference manual gives for good, and name.

A tag of texture has the aggregation behind it: `cm_contrast_3D_avg`. Five have codes but no agreed value: the
densities of the oriented bounding box and of the minimum volume enclosing ellipsoid, which are not computed,
and the area under the intensity-volume histogram, which is.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from isocenter.radiomics.textures import AGGREGATIONS


class Feature(NamedTuple):
    """code: of IBSI; text: its name."""

    code: str
    text: str


_TABLE = """
morph_volume RNU0 volume
morph_vol_approx YEKZ approximate volume
morph_area_mesh C0JK surface area
morph_av 2PR5 surface to volume ratio
morph_comp_1 SKGS compactness 1
morph_comp_2 BQWJ compactness 2
morph_sph_dispr KRCK spherical disproportion
morph_sphericity QCFX sphericity
morph_asphericity 25C7 asphericity
morph_com KLMA centre of mass shift
morph_diam L0JK maximum 3D diameter
morph_pca_maj_axis TDIC major axis length
morph_pca_min_axis P9VJ minor axis length
morph_pca_least_axis 7J51 least axis length
morph_pca_elongation Q3CK elongation
morph_pca_flatness N17B flatness
morph_vol_dens_aabb PBX1 volume density - axis-aligned bounding box
morph_area_dens_aabb R59B area density - axis-aligned bounding box
morph_vol_dens_aee 6BDE volume density - approximate enclosing ellipsoid
morph_area_dens_aee RDD2 area density - approximate enclosing ellipsoid
morph_vol_dens_conv_hull R3ER volume density - convex hull
morph_area_dens_conv_hull 7T7F area density - convex hull
morph_integ_int 99N0 integrated intensity
morph_moran_i N365 Moran's I index
morph_geary_c NPT7 Geary's C measure
morph_vol_dens_ombb ZH1A volume density - oriented minimum bounding box
morph_area_dens_ombb IQYR area density - oriented minimum bounding box
morph_vol_dens_mvee SWZ1 volume density - minimum volume enclosing ellipsoid
morph_area_dens_mvee BRI8 area density - minimum volume enclosing ellipsoid
loc_peak_loc VJGA local intensity peak
loc_peak_glob 0F91 global intensity peak
stat_mean Q4LE mean
stat_var ECT3 variance
stat_skew KE2A skewness
stat_kurt IPH6 kurtosis
stat_median Y12H median
stat_min 1GSF minimum
stat_p10 QG58 10th percentile
stat_p90 8DWT 90th percentile
stat_max 84IY maximum
stat_iqr SALO interquartile range
stat_range 2OJQ range
stat_mad 4FUA mean absolute deviation
stat_rmad 1128 robust mean absolute deviation
stat_medad N72L median absolute deviation
stat_cov 7TET coefficient of variation
stat_qcod 9S40 quartile coefficient of dispersion
stat_energy N8CA energy
stat_rms 5ZWQ root mean square
ih_mean X6K6 intensity histogram mean
ih_var CH89 intensity histogram variance
ih_skew 88K1 intensity histogram skewness
ih_kurt C3I7 intensity histogram kurtosis
ih_median WIFQ intensity histogram median
ih_min 1PR8 intensity histogram minimum
ih_p10 GPMT intensity histogram 10th percentile
ih_p90 OZ0C intensity histogram 90th percentile
ih_max 3NCY intensity histogram maximum
ih_mode AMMC intensity histogram mode
ih_iqr WR0O intensity histogram interquartile range
ih_range 5Z3W intensity histogram range
ih_mad D2ZX intensity histogram mean absolute deviation
ih_rmad WRZB intensity histogram robust mean absolute deviation
ih_medad 4RNL intensity histogram median absolute deviation
ih_cov CWYJ intensity histogram coefficient of variation
ih_qcod SLWD intensity histogram quartile coefficient of dispersion
ih_entropy TLU2 intensity histogram entropy
ih_uniformity BJ5W intensity histogram uniformity
ih_max_grad 12CE maximum histogram gradient
ih_max_grad_g 8E6O maximum histogram gradient grey level
ih_min_grad VQB3 minimum histogram gradient
ih_min_grad_g RHQZ minimum histogram gradient grey level
ivh_v10 NK6P volume fraction at 10% intensity
ivh_v90 4279 volume fraction at 90% intensity
ivh_i10 PWN1 intensity at 10% volume
ivh_i90 BOHI intensity at 90% volume
ivh_diff_v10_v90 WITY difference in volume fraction between 10% and 90% intensity
ivh_diff_i10_i90 JXJA difference in intensity between 10% and 90% volume
ivh_auc 9CMM area under IVH curve
cm_joint_max GYBY joint maximum
cm_joint_avg 60VM joint average
cm_joint_var UR99 joint variance
cm_joint_entr TU9B joint entropy
cm_diff_avg TF7R difference average
cm_diff_var D3YU difference variance
cm_diff_entr NTRS difference entropy
cm_sum_avg ZGXS sum average
cm_sum_var OEEB sum variance
cm_sum_entr P6QZ sum entropy
cm_energy 8ZQL angular second moment
cm_contrast ACUI contrast
cm_dissimilarity 8S9J dissimilarity
cm_inv_diff IB1Z inverse difference
cm_inv_diff_norm NDRX normalised inverse difference
cm_inv_diff_mom WF0Z inverse difference moment
cm_inv_diff_mom_norm 1QCO normalised inverse difference moment
cm_inv_var E8JP inverse variance
cm_corr NI2N correlation
cm_auto_corr QWB0 autocorrelation
cm_clust_tend DG8W cluster tendency
cm_clust_shade 7NFM cluster shade
cm_clust_prom AE86 cluster prominence
cm_info_corr1 R8DG first measure of information correlation
cm_info_corr2 JN9H second measure of information correlation
rlm_sre 22OV short runs emphasis
rlm_lre W4KF long runs emphasis
rlm_lgre V3SW low grey level run emphasis
rlm_hgre G3QZ high grey level run emphasis
rlm_srlge HTZT short run low grey level emphasis
rlm_srhge GD3A short run high grey level emphasis
rlm_lrlge IVPO long run low grey level emphasis
rlm_lrhge 3KUM long run high grey level emphasis
rlm_glnu R5YN grey level non-uniformity
rlm_glnu_norm OVBL normalised grey level non-uniformity
rlm_rlnu W92Y run length non-uniformity
rlm_rlnu_norm IC23 normalised run length non-uniformity
rlm_r_perc 9ZK5 run percentage
rlm_gl_var 8CE5 grey level variance
rlm_rl_var SXLW run length variance
rlm_rl_entr HJ9O run entropy
szm_sze 5QRC small zone emphasis
szm_lze 48P8 large zone emphasis
szm_lgze XMSY low grey level zone emphasis
szm_hgze 5GN9 high grey level zone emphasis
szm_szlge 5RAI small zone low grey level emphasis
szm_szhge HW1V small zone high grey level emphasis
szm_lzlge YH51 large zone low grey level emphasis
szm_lzhge J17V large zone high grey level emphasis
szm_glnu JNSA grey level non-uniformity
szm_glnu_norm Y1RO normalised grey level non-uniformity
szm_zsnu 4JP3 zone size non-uniformity
szm_zsnu_norm VB3A normalised zone size non-uniformity
szm_z_perc P30P zone percentage
szm_gl_var BYLV grey level variance
szm_zs_var 3NSA zone size variance
szm_zs_entr GU8N zone size entropy
dzm_sde 0GBI small distance emphasis
dzm_lde MB4I large distance emphasis
dzm_lgze S1RA low grey level zone emphasis
dzm_hgze K26C high grey level zone emphasis
dzm_sdlge RUVG small distance low grey level emphasis
dzm_sdhge DKNJ small distance high grey level emphasis
dzm_ldlge A7WM large distance low grey level emphasis
dzm_ldhge KLTH large distance high grey level emphasis
dzm_glnu VFT7 grey level non-uniformity
dzm_glnu_norm 7HP3 normalised grey level non-uniformity
dzm_zdnu V294 zone distance non-uniformity
dzm_zdnu_norm IATH normalised zone distance non-uniformity
dzm_z_perc VIWW zone percentage
dzm_gl_var QK93 grey level variance
dzm_zd_var 7WT1 zone distance variance
dzm_zd_entr GBDU zone distance entropy
ngt_coarseness QCDE coarseness
ngt_contrast 65HE contrast
ngt_busyness NQ30 busyness
ngt_complexity HDEZ complexity
ngt_strength 1X9X strength
ngl_lde SODN low dependence emphasis
ngl_hde IMOQ high dependence emphasis
ngl_lgce TL9H low grey level count emphasis
ngl_hgce OAE7 high grey level count emphasis
ngl_ldlge EQ3F low dependence low grey level emphasis
ngl_ldhge JA6D low dependence high grey level emphasis
ngl_hdlge NBZI high dependence low grey level emphasis
ngl_hdhge 9QMG high dependence high grey level emphasis
ngl_glnu FP8K grey level non-uniformity
ngl_glnu_norm 5SPA normalised grey level non-uniformity
ngl_dcnu Z87G dependence count non-uniformity
ngl_dcnu_norm OKJI normalised dependence count non-uniformity
ngl_dc_perc 6XV8 dependence count percentage
ngl_gl_var 1PFV grey level variance
ngl_dc_var DNX2 dependence count variance
ngl_dc_entr FCBV dependence count entropy
ngl_dc_energy CAS9 dependence count energy
"""

FEATURES = {
    tag: Feature(code, text) for tag, code, text in (line.split(" ", 2) for line in _TABLE.strip().splitlines())
}

# Aggregations: 2D slice by slice, 2.5D over all slices, 3D; by direction, then averaged, or directions merged.
AGGREGATION_CODES = {
    "2D_avg": "BTW3", "2D_comb": "SUJT", "2_5D_avg": "JJUI", "2_5D_comb": "ZW7Z", "3D_avg": "ITBB", "3D_comb": "IAZD",
    "2D": "8QNN", "2_5D": "62GR", "3D": "KOBO",
}  # fmt: skip
NOT_COMPUTED = ("morph_vol_dens_ombb", "morph_area_dens_ombb", "morph_vol_dens_mvee", "morph_area_dens_mvee")
UNSETTLED = (*NOT_COMPUTED, "ivh_auc")

_ENDING = re.compile("_(" + "|".join(sorted((*AGGREGATIONS, "2D", "2_5D", "3D"), key=len, reverse=True)) + ")$")


def described(tag: str) -> tuple[Feature, str]:
    """The feature of a tag, and its aggregation ("" where it has none). Raises KeyError: no feature of IBSI 1."""
    found = _ENDING.search(tag)
    return (FEATURES[tag[: found.start()]], found.group(1)) if found else (FEATURES[tag], "")


def of_column(column: str) -> tuple[str, str, str] | None:
    """What a column of `features.Radiomics` is, IMAGE_REGION_FILTER_TAG: text, code of the feature, code of its
    aggregation ("" where it has none); None: no feature of IBSI 1."""
    words = column.split("_")
    for start in range(len(words)):
        try:
            feature, aggregation = described("_".join(words[start:]))
        except KeyError:
            continue
        return feature.text, feature.code, AGGREGATION_CODES.get(aggregation, "")
    return None
