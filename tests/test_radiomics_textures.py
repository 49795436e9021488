"""Texture: the digital phantom of IBSI 1, a slow second implementation, hostile regions, invariants."""

from __future__ import annotations

import csv
import itertools
import math
import tracemalloc
from pathlib import Path

import nibabel
import numpy as np
import pytest
from scipy import ndimage

from isocenter.errors import TooManyLevels
from isocenter.radiomics.textures import AGGREGATIONS, textures

HALF = [s for s in itertools.product((-1, 0, 1), repeat=3) if s > (0, 0, 0)]
NEAR = {"2D": 0, "3D": 1}


def published(shared_data: Path) -> list[tuple[str, float, float]]:
    """Tag, value and tolerance: at least half a unit of the third digit, to which the values are given."""
    table = shared_data / "ibsi/ibsi1_reference_values/ibsi_1_dig_phantom.csv"
    found = []
    for value, tolerance, tag in list(csv.reader(table.read_text().splitlines(), delimiter=";"))[1:]:
        if tag.split("_")[0] in ("cm", "rlm", "szm", "dzm", "ngt", "ngl"):
            digit = 10 ** (math.floor(math.log10(abs(float(value)))) - 2) if float(value) else 0.001
            found.append((tag, float(value), max(float(tolerance), digit * 0.5000001)))
    return found


def test_every_texture_of_the_digital_phantom(shared_data: Path) -> None:
    folder = shared_data / "ibsi/ibsi1_digital_phantom/nifti"
    image, mask = (
        np.asarray(nibabel.load(folder / name).dataobj).T for name in ("image/phantom.nii.gz", "mask/mask.nii.gz")
    )
    found = textures(np.where(mask > 0, image, 0).astype(np.int32), 6)
    rows = published(shared_data)
    missed = [(tag, value, found[tag]) for tag, value, tolerance in rows if not abs(found[tag] - value) <= tolerance]
    assert (missed, len(rows), set(found)) == ([], 408, {tag for tag, _, _ in rows})


# --- A second implementation: loops over voxels, matrices in dictionaries, formulas over their cells.


def at(levels: np.ndarray, place: np.ndarray) -> int:
    inside = all(0 <= p < n for p, n in zip(place, levels.shape))
    return int(levels[tuple(place)]) if inside else 0


def slow_pairs(levels: np.ndarray, steps: list[tuple[int, int, int]]) -> np.ndarray:
    n = levels.max()
    found = np.zeros((n + 1, n + 1))
    for place in np.argwhere(levels):
        for step in steps:
            for sign in (1, -1):
                found[levels[tuple(place)], at(levels, place + sign * np.array(step))] += 1
    return found[1:, 1:]


def slow_pair_features(matrix: np.ndarray, n_levels: int) -> dict[str, float]:
    p = matrix / matrix.sum()
    i, j = np.indices(p.shape) + 1
    single = p.sum(axis=1)
    mean = (i * p).sum()
    away = np.array([p[abs(i - j) == k].sum() for k in range(len(p))])
    together = np.array([p[i + j == k].sum() for k in range(2, 2 * len(p) + 1)])
    k = np.arange(len(away))

    def entropy(q: np.ndarray) -> float:
        return float(-(q[q > 0] * np.log2(q[q > 0])).sum())

    product = np.outer(single, single)
    cross = -(p[product > 0] * np.log2(product[product > 0])).sum()
    independent = entropy(product)
    return {
        "joint_max": p.max(), "joint_avg": mean, "joint_var": ((i - mean) ** 2 * p).sum(), "joint_entr": entropy(p),
        "diff_avg": (k * away).sum(), "diff_var": ((k - (k * away).sum()) ** 2 * away).sum(), "diff_entr": entropy(away),
        "sum_avg": ((i + j) * p).sum(), "sum_var": ((i + j - 2 * mean) ** 2 * p).sum(), "sum_entr": entropy(together),
        "energy": (p**2).sum(), "contrast": ((i - j) ** 2 * p).sum(), "inv_diff": (p / (1 + abs(i - j))).sum(),
        "inv_diff_norm": (p / (1 + abs(i - j) / n_levels)).sum(), "inv_diff_mom": (p / (1 + (i - j) ** 2)).sum(),
        "inv_diff_mom_norm": (p / (1 + (i - j) ** 2 / n_levels**2)).sum(), "inv_var": (away[1:] / k[1:] ** 2).sum(),
        "corr": ((i - mean) * (j - mean) * p).sum() / ((i - mean) ** 2 * p).sum(), "auto_corr": (i * j * p).sum(),
        "clust_shade": ((i + j - 2 * mean) ** 3 * p).sum(), "clust_prom": ((i + j - 2 * mean) ** 4 * p).sum(),
        "info_corr1": (entropy(p) - cross) / entropy(single),
        "info_corr2": math.sqrt(1 - math.exp(-2 * (independent - entropy(p)))),
    }  # fmt: skip


def slow_table_features(cells: list[tuple[int, int]], n_voxels: int) -> list[float]:
    """Of (grey level, length) of each run, zone or voxel, in the order of `tables`."""
    g, k = np.array(cells, dtype=float).T
    n = len(g)
    levels, lengths, both = (np.unique(a, axis=0, return_counts=True)[1] for a in (g, k, np.array(cells)))
    p = both / n
    means = [(k**a * g**b).mean() for a, b in [(-2, 0), (2, 0), (0, -2), (0, 2), (-2, -2), (-2, 2), (2, -2), (2, 2)]]
    uneven = [(levels**2).sum() / n, (levels**2).sum() / n**2, (lengths**2).sum() / n, (lengths**2).sum() / n**2]
    return [*means, *uneven, n / n_voxels, g.var(), k.var(), -(p * np.log2(p)).sum(), (p**2).sum()]


def slow_runs(levels: np.ndarray, steps: list[tuple[int, int, int]]) -> list[tuple[int, int]]:
    found = []
    for place in np.argwhere(levels):
        for step in np.array(steps):
            level, length = at(levels, place), 1
            if at(levels, place - step) != level:
                while at(levels, place + length * step) == level:
                    length += 1
                found.append((level, length))
    return found


def slow_zones(
    levels: np.ndarray, inside: np.ndarray, planar: bool
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    touching = np.ones((3, 3, 3), int)
    if planar:
        touching[[0, 2]] = 0
        depth = np.stack([ndimage.distance_transform_cdt(np.pad(one, 1), "taxicab")[1:-1, 1:-1] for one in inside])
    else:
        depth = ndimage.distance_transform_cdt(np.pad(inside, 1), "taxicab")[1:-1, 1:-1, 1:-1]
    sizes, depths = [], []
    for g in range(1, levels.max() + 1):
        zones, n = ndimage.label(levels == g, touching)
        sizes += [(g, int((zones == z).sum())) for z in range(1, n + 1)]
        depths += [(g, int(depth[zones == z].min())) for z in range(1, n + 1)]
    return sizes, depths


def slow_neighbours(
    levels: np.ndarray, across: int, reach: int, coarseness: int
) -> tuple[list[tuple[int, int]], dict[int, list[float]]]:
    dependent, apart = [], {}
    steps = [s for s in itertools.product(range(-across, across + 1), *[range(-reach, reach + 1)] * 2) if any(s)]
    for place in np.argwhere(levels):
        g = at(levels, place)
        others = [w for w in (at(levels, place + np.array(s)) for s in steps) if w]
        dependent.append((g, 1 + sum(abs(w - g) <= coarseness for w in others)))
        if others:
            apart.setdefault(g, []).append(abs(g - float(np.mean(others))))
    return dependent, apart


def slow_tones(apart: dict[int, list[float]]) -> list[float]:
    n = sum(map(len, apart.values()))
    rows = [(g, len(d) / n, sum(d)) for g, d in apart.items()]
    pairs = list(itertools.product(rows, rows))
    moved = sum(p * s for _, p, s in rows)
    contrast = sum(p * q * (i - j) ** 2 for (i, p, _), (j, q, _) in pairs) / len(rows) / (len(rows) - 1)
    return [
        1 / moved,
        contrast * sum(s for *_, s in rows) / n,
        moved / sum(abs(i * p - j * q) for (i, p, _), (j, q, _) in pairs),
        sum(abs(i - j) * (p * s + q * t) / (p + q) for (i, p, s), (j, q, t) in pairs) / n,
        sum((p + q) * (i - j) ** 2 for (i, p, _), (j, q, _) in pairs) / sum(s for *_, s in rows),
    ]


def holed(n_levels: int, shape: tuple[int, int, int] = (4, 7, 6), seed: int = 0) -> np.ndarray:
    """Patches of noise with holes, touching the border of the array."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.zoom(rng.random(shape), 1)
    levels = 1 + (smooth * rng.choice([0.3, 1], shape) * (n_levels - 1)).astype(np.int32)
    levels[rng.random(shape) < 0.15] = 0
    levels[0, 0, 0] = n_levels
    return levels


def values(found: dict[str, float], start: str, ending: str) -> list[float]:
    return [value for tag, value in found.items() if tag.startswith(start) and tag.endswith(f"_{ending}")]


@pytest.mark.parametrize("n_levels", [3, 12, 100, 300, 5000])  # the last two: pairs without a matrix
def test_pairs_and_runs_as_loops_find_them(n_levels: int) -> None:
    levels = holed(n_levels)
    found = textures(levels, n_levels)
    compact = np.searchsorted(np.unique(levels), levels)  # 5000 levels in 120 voxels: few differences to tell
    if n_levels <= 300:
        each = [slow_pair_features(slow_pairs(levels, [step]), n_levels) for step in HALF]
        merged = slow_pair_features(slow_pairs(levels, HALF), n_levels)
        for name, value in merged.items():
            assert found[f"cm_{name}_3D_comb"] == pytest.approx(value, rel=1e-9, abs=1e-12), name
            mean = np.mean([row[name] for row in each])
            assert found[f"cm_{name}_3D_avg"] == pytest.approx(mean, rel=1e-9, abs=1e-12), name
    assert found["cm_joint_entr_3D_comb"] == pytest.approx(
        slow_pair_features(slow_pairs(compact, HALF), 9)["joint_entr"]
    )
    n = int((levels > 0).sum())
    tables = slow_table_features(slow_runs(levels, HALF), 13 * n)
    assert values(found, "rlm", "3D_comb") == pytest.approx(tables[:16], rel=1e-9, abs=1e-12)


def test_slices_are_averaged_and_two_and_a_half_dimensions_merge_them() -> None:
    levels, plane = holed(5), [s for s in HALF if s[0] == 0]
    levels[2] = 0
    levels[2, 3, 3] = 4  # a slice of one voxel has no pairs, and counts nowhere
    found = textures(levels, 5)
    slices = [slow_pairs(one[None], plane) for one in levels]
    mean = np.mean([slow_pair_features(one, 5)["contrast"] for one in slices if one.any()])
    assert found["cm_contrast_2D_comb"] == pytest.approx(mean)
    assert found["cm_contrast_2_5D_comb"] == pytest.approx(slow_pair_features(slow_pairs(levels, plane), 5)["contrast"])
    each = [slow_pair_features(slow_pairs(levels, [step]), 5)["contrast"] for step in plane]
    assert found["cm_contrast_2_5D_avg"] == pytest.approx(np.mean(each))
    rows = [slow_table_features(slow_runs(one[None], [step]), int((one > 0).sum())) for one in levels for step in plane]
    assert values(found, "rlm", "2D_avg") == pytest.approx(np.mean(rows, axis=0)[:16])


@pytest.mark.parametrize("n_levels, seed", [(2, 0), (3, 1), (12, 2), (300, 3)])
def test_zones_and_neighbourhoods_as_loops_find_them(n_levels: int, seed: int) -> None:
    levels = holed(n_levels, (6, 9, 8), seed)
    inside = ndimage.binary_dilation(levels > 0, iterations=1)
    found = textures(levels, n_levels, inside=inside)
    n = int((levels > 0).sum())
    for ending, planar in (("3D", False), ("2_5D", True)):
        sizes, depths = slow_zones(levels, inside, planar)
        assert values(found, "szm", ending) == pytest.approx(slow_table_features(sizes, n)[:16])
        assert values(found, "dzm", ending) == pytest.approx(slow_table_features(depths, n)[:16])
        dependent, apart = slow_neighbours(levels, int(not planar), 1, 0)
        assert values(found, "ngl", ending) == pytest.approx(slow_table_features(dependent, n))
        assert values(found, "ngt", ending) == pytest.approx(slow_tones(apart))


def test_distance_two_and_coarseness_one() -> None:
    levels = holed(6)
    found = textures(levels, 6, ("2_5D_comb", "3D_comb"), distance=2, coarseness=1)
    doubled = [tuple(2 * s for s in step) for step in HALF]
    assert found["cm_contrast_3D_comb"] == pytest.approx(slow_pair_features(slow_pairs(levels, doubled), 6)["contrast"])
    for ending, across in (("3D", 2), ("2_5D", 0)):
        dependent, apart = slow_neighbours(levels, across, 2, 1)
        assert values(found, "ngl", ending) == pytest.approx(slow_table_features(dependent, int((levels > 0).sum())))
        assert values(found, "ngt", ending) == pytest.approx(slow_tones(apart))
    assert found["rlm_sre_3D_comb"] == textures(levels, 6, ("3D_comb",))["rlm_sre_3D_comb"]  # runs know no distance


# --- Invariants


def test_place_direction_and_order_of_axes_do_not_matter_in_three_dimensions() -> None:
    levels = holed(7)
    found = textures(levels, 7, ("3D_avg", "3D_comb"))
    for other in (
        np.pad(levels, ((3, 0), (0, 5), (2, 2))),
        levels[::-1],
        levels[:, :, ::-1],
        levels.transpose(2, 0, 1),
    ):
        again = textures(np.ascontiguousarray(other), 7, ("3D_avg", "3D_comb"))
        assert again == pytest.approx(found, rel=1e-9)


def test_one_zone_that_winds_through_everything() -> None:
    levels = np.full((9, 40, 40), 2, np.int32)
    levels[:, ::4, :-1] = 1  # combs that meet at one end only, joined across slices at one voxel
    levels[:, 2::4, 1:] = 1
    levels[1::2] = 2
    levels[1::2, 0, 0] = 1
    sizes, depths = slow_zones(levels, levels > 0, False)
    found = textures(levels, 2, ("3D_comb",), families=("glszm", "gldzm"))
    assert values(found, "szm", "3D") == pytest.approx(slow_table_features(sizes, levels.size)[:16])
    assert values(found, "dzm", "3D") == pytest.approx(slow_table_features(depths, levels.size)[:16])


def test_only_what_is_asked_for() -> None:
    levels = holed(4)
    whole = textures(levels, 4)
    assert [*AGGREGATIONS] == [a for a in AGGREGATIONS if f"cm_contrast_{a}" in whole]
    part = textures(levels, 4, ("2_5D_comb",), families=("glrlm", "ngtdm"))
    assert part == {
        tag: whole[tag] for tag in whole if tag.endswith(("2_5D_comb", "2_5D")) and tag.startswith(("rlm", "ngt"))
    }


# --- Hostile regions


def test_one_voxel_has_no_pairs_and_no_neighbours() -> None:
    levels = np.zeros((3, 4, 5), np.int32)
    levels[1, 2, 3] = 2
    found = textures(levels, 2)
    undefined = {tag for tag, value in found.items() if math.isnan(value)}
    assert undefined == {tag for tag in found if tag.startswith(("cm_", "ngt_"))}
    assert found["szm_lze_3D"] == found["dzm_sde_3D"] == found["ngl_lde_3D"] == found["rlm_lre_3D_avg"] == 1


def test_a_flat_region_has_no_correlation_and_is_infinitely_coarse() -> None:
    for n in (3, 4, 7, 11):  # rounding must not make a number of what is 0 / 0
        found = textures(np.ones((n, n, n), np.int32), 1)
        undefined = {tag for tag, value in found.items() if math.isnan(value)}
        assert undefined == {tag for tag in found if tag.startswith(("cm_corr_", "cm_info_corr1_"))}
        assert found["cm_joint_entr_3D_comb"] == 0 and found["cm_energy_3D_comb"] == 1
        assert found["ngt_coarseness_3D"] == 1e6
        assert found["ngt_contrast_3D"] == found["ngt_busyness_3D"] == found["ngt_strength_3D"] == 0


def test_one_slice_is_the_same_in_two_dimensions_and_in_two_and_a_half() -> None:
    found = textures(holed(6, (1, 12, 13)), 6)
    assert not any(map(math.isnan, found.values()))
    for tag, value in found.items():
        if "_2D" in tag:
            assert found[tag.replace("_2D", "_2_5D")] == pytest.approx(value), tag


def test_voxels_that_do_not_touch() -> None:
    levels = np.zeros((5, 9, 9), np.int32)
    levels[0, 0, 0], levels[4, 8, 8] = 1, 3
    found = textures(levels, 3)
    assert math.isnan(found["cm_contrast_3D_comb"]) and math.isnan(found["ngt_contrast_3D"])
    assert found["szm_z_perc_3D"] == 1


def test_one_metal_voxel_among_many_levels_costs_no_square_of_them() -> None:
    levels = np.random.default_rng(0).integers(1, 33, (30, 30, 30)).astype(np.int32)
    levels[0, 0, 0] = 60_000
    tracemalloc.start()
    found = textures(levels, 60_000, ("3D_avg", "3D_comb"))
    assert tracemalloc.get_traced_memory()[1] < 40e6  # a matrix would have 14 GB
    tracemalloc.stop()
    assert found["cm_joint_max_3D_comb"] < 0.01 and not any(map(math.isnan, found.values()))


def test_memory_stays_a_few_bytes_a_voxel() -> None:
    levels = np.random.default_rng(0).integers(1, 65, (100, 120, 100)).astype(np.int32)
    textures(holed(3), 3)  # what is loaded once
    tracemalloc.start()
    textures(levels, 64)
    assert tracemalloc.get_traced_memory()[1] / levels.size < 24
    tracemalloc.stop()


def test_more_levels_than_can_be_counted_are_refused_with_a_remedy() -> None:
    with pytest.raises(TooManyLevels, match="wider bins"):
        textures(np.ones((2, 2, 2), np.int32), 70_000)


@pytest.mark.parametrize("wrong", [0, -1, 4])
def test_levels_that_do_not_fit_never_reach_the_kernels(wrong: int) -> None:
    with pytest.raises(ValueError, match="between 0 and 3"):
        textures(np.full((2, 2, 2), wrong, np.int32), 3)
