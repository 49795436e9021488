"""ComBat: features of several sites brought to one scale by parametric empirical Bayes.

Johnson, Li and Rabinovic, Biostatistics 2007; reference batch: Zhang and others, BMC Bioinformatics 2018.
A feature is (what all share) + (what covariates explain) + sd * (shift of the site + scale of the site * noise).
Shifts and scales are shrunk towards what all features of that site have in common.

What is told apart from the textbook: missing values are left out feature by feature; a site with one case has
its shift taken away and its scale left alone; a feature that does not vary is left as it is. The outcome has no
place here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isocenter.errors import UsageError

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
CLOSE, ROUNDS = 1e-10, 10_000  # the relative change at which the iteration ends (the published one: 1e-4)
SEVERAL = 2


@dataclass(frozen=True, eq=False)
class Sites:
    """What was learned, of p features, q covariates and s sites.

    level (p,): of a case of all sites together (or of the reference site) whose covariates are 0; slopes (q, p);
    spread (p,): standard deviation within sites; shift, scale (s, p): of the sites, in units of spread; scale is a
    standard deviation.
    """

    level: Floats
    slopes: Floats
    spread: Floats
    shift: Floats
    scale: Floats

    def harmonised(self, values: Floats, sites: Codes, covariates: Floats) -> Floats:
        """(n, p) values with the sites' shift and scale taken away; rows of site -1 as they are."""
        known = sites >= 0
        own = sites[known]
        expected = self.level + covariates[known] @ self.slopes
        found = values.astype(np.float64, copy=True)
        shifted = found[known] - expected - self.spread * self.shift[own]
        adjusted = shifted / self.scale[own] + expected
        same = (self.shift[own] == 0) & (self.scale[own] == 1)  # to the last digit: the reference site
        found[known] = np.where(same, found[known], adjusted)
        return found


def learn(values: Floats, sites: Codes, covariates: Floats, reference: int | None = None) -> Sites:
    """From values (n, p) with NaN where missing, sites (n,) 0..s-1, covariates (n, q) without missing values.

    reference: the site that stays as it is. UsageError where covariates and sites cannot be told apart.
    """
    n_sites = int(sites.max()) + 1
    batches = (sites[:, None] == np.arange(n_sites)).astype(np.float64)
    design = np.hstack([batches, covariates])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise UsageError(
            "The covariates to preserve cannot be told apart from the sites (or from each other).",
            "Name fewer with --preserve: one that differs between sites only is the site.",
        )
    known = ~np.isnan(values)
    coefficients = _least_squares(design, values, known)
    counted = batches.T @ known  # (s, p)
    weights = counted / np.maximum(counted.sum(axis=0), 1) if reference is None else np.eye(n_sites)[reference][:, None]
    level = (weights * coefficients[:n_sites]).sum(axis=0)
    slopes = coefficients[n_sites:]
    of_spread = known & (sites == reference)[:, None] if reference is not None else known
    residual = np.where(of_spread, values - design @ coefficients, 0.0)
    spread = np.sqrt((residual**2).sum(axis=0) / np.maximum(of_spread.sum(axis=0), 1))
    varies = spread > 1e-10 * np.maximum(np.abs(level), 1e-300)
    spread = np.where(varies, spread, 0.0)
    noise = np.where(known, (values - level - covariates @ slopes) / np.where(varies, spread, 1.0), np.nan)
    shift, scale = np.zeros((n_sites, len(level))), np.ones((n_sites, len(level)))
    for site in range(n_sites):
        if site != reference and n_sites > 1:
            shift[site, varies], scale[site, varies] = _site(noise[sites == site][:, varies])
    return Sites(level, slopes, spread, shift, scale)


def _least_squares(design: Floats, values: Floats, known: NDArray[np.bool_]) -> Floats:
    """(k, p) coefficients, of each feature from the cases that have it."""
    patterns, which = np.unique(known.T, axis=0, return_inverse=True)
    found = np.zeros((design.shape[1], values.shape[1]))
    for number, rows in enumerate(patterns):
        columns = np.flatnonzero(which.ravel() == number)
        if rows.any():
            found[:, columns] = np.linalg.lstsq(design[rows], values[np.ix_(rows, columns)], rcond=None)[0]
    return found


def _site(noise: Floats) -> tuple[Floats, Floats]:
    """Shrunken shift and scale (p,) of one site from its standardised rows (n, p)."""
    n = (~np.isnan(noise)).sum(axis=0).astype(np.float64)
    mean = np.where(n > 0, np.nansum(noise, axis=0) / np.maximum(n, 1), 0.0)
    squares = np.nansum((noise - mean) ** 2, axis=0)
    several = n >= SEVERAL
    variance = np.where(several, squares / np.maximum(n - 1, 1), np.nan)
    if len(n) < SEVERAL:  # one feature has no others to learn from
        return mean, np.sqrt(np.where(variance > 0, variance, 1.0))
    centre, width = mean.mean(), mean.var(ddof=1)
    if several.sum() < SEVERAL:  # one case tells a shift, but no scale
        return _shrunken(mean, n, width, centre, np.ones_like(mean)), np.ones_like(mean)
    middle, wide = float(np.nanmean(variance)), float(np.nanvar(variance, ddof=1))
    if wide <= 1e-24 * middle**2:  # every feature has the same scale: nothing is left to shrink
        return _shrunken(mean, n, width, centre, np.full_like(mean, middle)), np.full_like(mean, np.sqrt(middle))
    a, b = (2 * wide + middle**2) / wide, (middle * wide + middle**3) / wide
    return _posterior(mean, n, squares, (float(centre), float(width)), (a, b), np.where(several, variance, middle))


def _posterior(
    mean: Floats, n: Floats, squares: Floats, normal: tuple[float, float], gamma: tuple[float, float], start: Floats
) -> tuple[Floats, Floats]:
    """Fixed point of the conditional means of shift and variance."""
    (centre, width), (a, b) = normal, gamma
    shift, variance = mean, start
    for _ in range(ROUNDS):
        new = _shrunken(mean, n, width, centre, variance)
        around = squares + n * (mean - new) ** 2
        now = (0.5 * around + b) / (n / 2 + a - 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = np.nanmax(np.concatenate([np.abs(new - shift) / np.abs(shift), np.abs(now - variance) / variance]))
        shift, variance = new, now
        if moved <= CLOSE:
            break
    return shift, np.sqrt(variance)


def _shrunken(mean: Floats, n: Floats, width: float, centre: float, variance: Floats) -> Floats:
    total = n * width + variance
    return np.asarray((width * n * mean + variance * centre) / np.where(total > 0, total, 1.0))
