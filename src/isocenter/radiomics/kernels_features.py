"""Compiled features of texture matrices: one look at each cell that is not empty.

Formulas are those of IBSI 1 (reference manual, sections 3.6 to 3.11); logarithms have base 2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isocenter.compiling import compiled, part, summing

Levels = NDArray[np.uint16]
Counts = NDArray[np.int32]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


_TILE = 32
_SMALL = np.arange(1024.0)
_SMALL[1:] *= np.log2(_SMALL[1:])  # c log c of small counts, which most are


@part
def _entropy(weights: Floats, total: float) -> float:
    """Of probabilities weights / total; 0, not nearly 0, where one is certain."""
    gathered = 0.0
    for c in weights:
        if c == total:
            return 0.0
        if c > 0:
            gathered += c * np.log2(c)
    return float(np.log2(total) - gathered / total)


@part
def _cell(i: int, j: int, c: float, single: Floats, apart: Floats, summed: Floats, sums: Floats) -> None:
    """Adds c pairs of levels j <= i, and as many of i and j (of a level with itself c stands for both)."""
    times = 1.0 if i == j else 2.0
    sums[0] += times * c * c
    sums[1] += times * (_SMALL[int(c)] if c < len(_SMALL) else c * np.log2(c))
    sums[2] = max(sums[2], c)
    single[i] += c
    if i != j:
        single[j] += c
    apart[i - j] += times * c
    summed[i + j] += times * c


@part
def _pairs_described(single: Floats, apart: Floats, summed: Floats, sums: Floats, n_levels: int, out: Floats) -> None:
    """The 25 features, in the order of `cooccurrence.FEATURES`, from sums over a symmetric matrix.

    single[i], apart[|i - j|], summed[i + j]: counts; sums: of c^2, of c log c, and the largest c.
    A symmetric matrix has HXY1 = HXY2 = 2 HX, and both marginals alike.
    """
    squares, logs, most = sums
    total = 0.0
    mean = 0.0
    for i in range(len(single)):
        total += single[i]
        mean += i * single[i]
    if total == 0:
        out[:] = np.nan
        return
    mean /= total
    variance = 0.0
    for i in range(len(single)):
        variance += single[i] * (i - mean) ** 2
    variance /= total
    joint = np.log2(total) - logs / total if most < total else 0.0
    away = contrast = inverse = inverse_norm = moment = moment_norm = inverse_variance = 0.0
    for k in range(len(apart)):
        p = apart[k] / total
        if p > 0:
            away += k * p
            contrast += k * k * p
            inverse += p / (1 + k)
            inverse_norm += p / (1 + k / n_levels)
            moment += p / (1 + k * k)
            moment_norm += p / (1 + (k / n_levels) ** 2)
            if k:
                inverse_variance += p / (k * k)
    away_variance = 0.0
    for k in range(len(apart)):
        away_variance += apart[k] / total * (k - away) ** 2
    tendency = shade = prominence = 0.0
    for k in range(len(summed)):
        if summed[k] > 0:
            p, d = summed[k] / total, k - 2 * mean
            tendency += p * d**2
            shade += p * d**3
            prominence += p * d**4
    covariance = (tendency - contrast) / 4
    alone = _entropy(single, total)
    out[0], out[1], out[2], out[3] = most / total, mean, variance, joint
    out[4], out[5], out[6] = away, away_variance, _entropy(apart, total)
    out[7], out[8], out[9] = 2 * mean, tendency, _entropy(summed, total)
    out[10], out[11], out[12] = squares / total**2, contrast, away
    out[13], out[14], out[15], out[16], out[17] = inverse, inverse_norm, moment, moment_norm, inverse_variance
    out[18] = covariance / variance if variance > 0 else np.nan
    out[19], out[20], out[21], out[22] = covariance + mean**2, tendency, shade, prominence
    out[23] = (joint - 2 * alone) / alone if alone > 0 else np.nan
    out[24] = np.sqrt(max(1 - np.exp(-2 * max(2 * alone - joint, 0.0)), 0.0))


@compiled("void(int32[:, ::1], int64, float64[::1])")
def described_pairs(matrix: Counts, n_levels: int, out: Floats) -> None:
    """Features (25,) of co-occurrences matrix (n + 1, n + 1), made symmetric; row and column 0 are not looked at.

    In tiles, because a large matrix is read both along rows and along columns.
    """
    side = len(matrix)
    single, apart, summed = np.zeros(side), np.zeros(side), np.zeros(2 * side)
    sums = np.zeros(3)
    for low in range(1, side, _TILE):
        for left in range(1, low + 1, _TILE):
            for i in range(low, min(low + _TILE, side)):
                for j in range(left, min(left + _TILE, i + 1)):
                    c = matrix[i, j] + matrix[j, i]
                    if c > 0:
                        _cell(i, j, float(c), single, apart, summed, sums)
    _pairs_described(single, apart, summed, sums, n_levels, out)


@compiled("void(uint16[::1], int64[::1], int64[::1], int64[::1], int64, float64[:, ::1])")
def described_rare_pairs(levels: Levels, order: Ints, starts: Ints, steps: Ints, n_levels: int, out: Floats) -> None:
    """The same for each of m steps and, last, all together, out (m + 1, 25), without a matrix: for many grey levels.

    order: places in the flat `levels`, sorted by level, those of level g from starts[g] on; steps: in
    places. A row is counted at a time, of pairs with a level no higher.
    """
    side, last = n_levels + 1, len(steps)
    single, apart, summed = np.zeros((last + 1, side)), np.zeros((last + 1, side)), np.zeros((last + 1, 2 * side))
    sums = np.zeros((last + 1, 3))
    row, touched = np.zeros(side, np.int64), np.empty(side, np.int64)
    merged, reached = np.zeros(side, np.int64), np.empty(side, np.int64)
    for i in range(1, side):
        n_reached = 0
        for m in range(last):
            n_touched = 0
            for here in order[starts[i] : starts[i + 1]]:
                for j in (np.int64(levels[here - steps[m]]), np.int64(levels[here + steps[m]])):
                    if 0 < j <= i:
                        if row[j] == 0:
                            touched[n_touched] = j
                            n_touched += 1
                        row[j] += 1
            for j in touched[:n_touched]:
                _cell(i, j, float(row[j]), single[m], apart[m], summed[m], sums[m])
                if merged[j] == 0:
                    reached[n_reached] = j
                    n_reached += 1
                merged[j] += row[j]
                row[j] = 0
        for j in reached[:n_reached]:
            _cell(i, j, float(merged[j]), single[last], apart[last], summed[last], sums[last])
            merged[j] = 0
    for m in range(last + 1):
        _pairs_described(single[m], apart[m], summed[m], sums[m], n_levels, out[m])


@compiled("void(int64[::1], int32[::1], float64[::1])")
def described_table(starts: Ints, table: Counts, out: Floats) -> None:
    """Features (17,) of counts table[starts[g] + k - 1] of grey level g and length, size, distance or dependence k.

    In this order: emphasis of small k, large k, low g, high g, small k low g, small k high g, large k
    low g, large k high g; non-uniformity of g, normalised, of k, normalised; the number counted;
    variance of g, of k; entropy; energy.
    """
    longest = 0
    for g in range(1, len(starts) - 1):
        longest = max(longest, starts[g + 1] - starts[g])
    columns, rows = np.zeros(longest), np.zeros(len(starts))
    out[:] = 0
    logs = squares = most = 0.0
    for g in range(1, len(starts) - 1):
        g2 = float(g) * g
        for k in range(1, starts[g + 1] - starts[g] + 1):
            c = float(table[starts[g] + k - 1])
            if c > 0:
                k2 = float(k) * k
                rows[g] += c
                columns[k - 1] += c
                out[4] += c / (k2 * g2)
                out[5] += c * g2 / k2
                out[6] += c * k2 / g2
                out[7] += c * k2 * g2
                logs += _SMALL[int(c)] if c < len(_SMALL) else c * np.log2(c)
                squares += c * c
                most = max(most, c)
    total = rows.sum()
    if total == 0:
        out[:] = np.nan
        out[12] = 0
        return
    level = length = 0.0
    for g in range(1, len(rows)):
        out[2] += rows[g] / (float(g) * g)
        out[3] += rows[g] * (float(g) * g)
        out[8] += rows[g] ** 2
        level += g * rows[g] / total
    for k in range(1, longest + 1):
        out[0] += columns[k - 1] / (float(k) * k)
        out[1] += columns[k - 1] * (float(k) * k)
        out[10] += columns[k - 1] ** 2
        length += k * columns[k - 1] / total
    for g in range(1, len(rows)):
        out[13] += rows[g] * (g - level) ** 2
    for k in range(1, longest + 1):
        out[14] += columns[k - 1] * (k - length) ** 2
    out[:] /= total
    out[9], out[11] = out[8] / total, out[10] / total
    out[12] = total
    out[15], out[16] = np.log2(total) - logs / total if most < total else 0.0, squares / total**2


@summing
def _against(
    level: float, p: float, moved: float, levels: Floats, others: Floats, all_moved: Floats
) -> tuple[float, float, float]:
    """One grey level against those below it: sums for busyness, complexity and strength."""
    differing = mixed = strong = 0.0
    for j in range(len(levels)):
        by, both = level - levels[j], p + others[j]
        differing += abs(level * p - levels[j] * others[j])
        mixed += by * (moved + all_moved[j]) / both
        strong += both * by * by
    return differing, mixed, strong


@compiled("void(int32[::1], float64[::1], float64[::1])")
def described_tones(seen: Counts, apart: Floats, out: Floats) -> None:
    """Coarseness, contrast, busyness, complexity, strength (5,) from voxels seen[g] and differences apart[g].

    IBSI's own answers where a formula has none: a flat region is infinitely coarse (1e6) and neither
    contrasting, busy nor strong (0).
    """
    total = float(seen.sum())
    out[:] = np.nan
    if total == 0:
        return
    g = np.nonzero(seen)[0]
    n = len(g)
    p, s, level = seen[g] / total, apart[g], g.astype(np.float64)
    shares = p * s
    moved, mean = shares.sum(), (p * level).sum()
    spread = (p * (level - mean) ** 2).sum()  # half of sum of p p (i - j)^2
    differing = mixed = strong = 0.0
    for i in range(1, n):
        here = _against(level[i], p[i], shares[i], level[:i], p[:i], shares[:i])
        differing, mixed, strong = differing + here[0], mixed + here[1], strong + here[2]
    out[0] = 1 / moved if moved > 0 else 1e6
    out[1] = 2 * spread / (n * (n - 1)) * s.sum() / total if n > 1 else 0.0
    out[2] = moved / (2 * differing) if n > 1 and differing > 0 else 0.0
    out[3] = 2 * mixed / total
    out[4] = 2 * strong / s.sum() if s.sum() > 0 else 0.0
