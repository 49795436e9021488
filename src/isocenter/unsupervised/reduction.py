"""From many features to few: scaling, principal components, and planes to draw.

Principal components come from the features' own covariance (p x p), or that of the cases (n x n)
where there are fewer of them: one matrix product and one decomposition, exact, no iteration.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter.errors import BadShape, BadValues, EmptyInput, InputDoesNotFit, MissingExtra
from isocenter.metrics import Floats

Points = NDArray[np.float32]
MOST = 10  # components, unless asked otherwise: distances in more tell less
SHARE = 0.9  # of the variance, where fewer components hold it
_ALIKE = 1000  # cases by which components are told from chance, and
_SHUFFLED = 10  # tables without any connection between features that they are held against
TAIL = 3.0  # standard deviations beyond which a value counts by its logarithm
_BLOCK = 4096  # rows at a time
_TINY = 1e-9  # a spread below this share of the values' size is rounding


@dataclass(frozen=True, eq=False)
class Projection:
    """From features to points on principal components, and back.

    names: the p features; fill (p,) stands for a missing value (the median); mean, scale (p,):
    what a feature is shifted and divided by, 0 for one that is left out (constant, never known);
    components (d, p) in scaled units; variances (d,) along them; total: variance of all features.
    """

    names: tuple[str, ...]
    fill: Floats
    mean: Floats
    scale: Floats
    components: Floats
    variances: Floats
    total: float

    @property
    def explained(self) -> Floats:
        """(d,) share of the variance along each component."""
        return self.variances / self.total

    @property
    def left_out(self) -> tuple[str, ...]:
        return tuple(name for name, scale in zip(self.names, self.scale, strict=True) if scale == 0)

    def points(self, table: pd.DataFrame | NDArray[np.floating[Any]]) -> Points:
        """(n, d) of the cases of a table (columns by name) or array (columns in order)."""
        values = table if isinstance(table, np.ndarray) else _columns(table, self.names)
        if values.ndim != 2 or values.shape[1] != len(self.names):
            raise InputDoesNotFit(
                f"An array of shape {values.shape} for {len(self.names)} features.", "Give one column a feature."
            )
        found = np.empty((len(values), len(self.components)), dtype=np.float32)
        turn = self.components.T.astype(np.float32)
        for start in range(0, len(values), _BLOCK):
            found[start : start + _BLOCK] = self.scaled(values[start : start + _BLOCK]) @ turn
        return found

    def scaled(self, values: NDArray[np.floating[Any]]) -> Points:
        """(n, p) filled, centred, divided, tails drawn in."""
        return _scaled(values, self.fill, self.mean, self.scale)

    def back(self, points: NDArray[np.floating[Any]]) -> Floats:
        """(n, p) features of points on the components, in the features' own units; the mean where left out."""
        z = np.asarray(points, dtype=np.float64) @ self.components
        return np.asarray(self.mean + _stretched(z) * self.scale)

    def arrays(self) -> dict[str, NDArray[Any]]:
        own = ("fill", "mean", "scale", "components", "variances")
        return {**{f"projection_{name}": getattr(self, name) for name in own}, "projection_total": np.array(self.total)}

    @classmethod
    def from_arrays(cls, names: tuple[str, ...], arrays: Mapping[str, NDArray[Any]]) -> Projection:
        own = ("fill", "mean", "scale", "components", "variances")
        fill, mean, scale, components, variances = (
            np.asarray(arrays[f"projection_{name}"], dtype=np.float64) for name in own
        )
        made = cls(names, fill, mean, scale, components, variances, float(arrays["projection_total"]))
        p, d = len(names), len(made.variances)
        if any(part.shape != (p,) for part in (made.fill, made.mean, made.scale)) or made.components.shape != (d, p):
            raise ValueError("a projection whose arrays do not fit together")
        return made


def values_of(table: pd.DataFrame) -> NDArray[np.floating[Any]]:
    """(n, p) float32 or float64; EmptyInput, BadValues (text, infinite), BadShape (one case)."""
    if table.shape[1] == 0 or len(table) == 0:
        raise EmptyInput("There is nothing to cluster: no cases or no features.", "Give a table of numbers.")
    texts = [str(c) for c, kind in table.dtypes.items() if not pd.api.types.is_numeric_dtype(kind)]
    if texts:
        raise BadValues(f"Columns that are no numbers: {', '.join(texts[:5])}.", "Leave them out, or code them.")
    if len(table) < 2:
        raise BadShape("One case makes no clusters.", "Give a table of several cases.")
    values = _floats(table)
    if np.isinf(values.sum(dtype=np.float64)) and np.isinf(values).any():
        bad = table.columns[np.isinf(values).any(axis=0)]
        raise BadValues(f"Infinite values in {', '.join(map(str, bad[:5]))}.", "Mend or empty those cells.")
    return values


def _floats(table: pd.DataFrame) -> NDArray[np.floating[Any]]:
    small = all(kind == np.float32 for kind in table.dtypes)
    return table.to_numpy(dtype=np.float32 if small else np.float64, na_value=np.nan)


def _columns(table: pd.DataFrame, names: tuple[str, ...]) -> NDArray[np.floating[Any]]:
    given = pd.Index([str(c) for c in table.columns])
    if list(given) == list(names):
        return _floats(table)
    if missing := [name for name in names if name not in given]:
        raise InputDoesNotFit(
            f"{len(missing)} features of the clustering are missing: {', '.join(missing[:5])}.",
            "Give a table with the features the clusters were made from.",
        )
    return _floats(table.iloc[:, given.get_indexer(pd.Index(names))])


def project(table: pd.DataFrame, *, components: int | None = None, scaled: bool = True) -> Projection:
    """Learn scaling and principal components.

    components: how many; None as many as hold 90 % of the variance, 2 at the least and 10 at the most. scaled: divide
    each feature by its standard deviation (else all by one number, for features of one kind).
    Missing values become the median. Beyond 3 standard deviations a value counts by its logarithm, so that one wild
    value does not make a component of its own. Raises as `values_of`, and BadValues where all features are constant.
    """
    return learn(values_of(table), tuple(str(c) for c in table.columns), components, scaled=scaled)


def learn(
    values: NDArray[np.floating[Any]], names: tuple[str, ...], components: int | None = None, *, scaled: bool = True
) -> Projection:
    """`project` for an array (n, p)."""
    fill, mean, deviation = _moments(values)
    if not deviation.any():
        raise BadValues("Every feature has the same value in all cases.", "Give features that differ between cases.")
    common = float(np.sqrt(np.mean(deviation[deviation > 0] ** 2)))
    scale = deviation if scaled else np.where(deviation > 0, common, 0.0)
    scatter, flat = _scatter(values, fill, mean, scale)
    axes, variances = _axes(scatter, flat)
    total = float(variances.sum())
    d = _enough(variances, components)
    return Projection(names, fill, mean, scale, axes[:d], variances[:d], total)


def _moments(values: NDArray[np.floating[Any]]) -> tuple[Floats, Floats, Floats]:
    """(p,) median, mean and standard deviation, missing values as the median; deviation 0 for what is constant."""
    total = values.sum(axis=0, dtype=np.float64)
    if np.isfinite(total).all():
        fill = mean = total / len(values)
        square = np.zeros_like(mean)
        for start in range(0, len(values), _BLOCK):
            part = values[start : start + _BLOCK] - mean.astype(values.dtype)
            square += np.einsum("ij,ij->j", part, part)
        deviation = np.sqrt(square / len(values))
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a column that is never known
            fill = np.nan_to_num(np.nanmedian(values, axis=0).astype(np.float64))
        filled = np.where(np.isnan(values), fill, values)
        mean, deviation = filled.mean(axis=0, dtype=np.float64), filled.std(axis=0, dtype=np.float64)
    return fill, mean, np.where(deviation > _TINY * np.maximum(np.abs(mean), 1e-300), deviation, 0.0)


def _scaled(values: NDArray[np.floating[Any]], fill: Floats, mean: Floats, scale: Floats) -> Points:
    inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
    z = values - mean.astype(values.dtype)
    z *= inverse.astype(values.dtype)
    missing = np.isnan(z.sum())
    if missing:
        z = np.where(np.isnan(z), (fill - mean) * inverse, z)
    found = z.astype(np.float32, copy=False)
    if (far := np.abs(found) > TAIL).any():
        found[far] = np.sign(found[far]) * (TAIL + np.log1p(np.abs(found[far]) - TAIL))
    return found


def _stretched(z: Floats) -> Floats:
    """The inverse of drawing tails in."""
    beyond = np.maximum(np.abs(z) - TAIL, 0.0)
    return np.where(beyond > 0, np.sign(z) * (TAIL + np.expm1(np.minimum(beyond, 50.0))), z)


def _scatter(
    values: NDArray[np.floating[Any]], fill: Floats, mean: Floats, scale: Floats
) -> tuple[Floats, Points | None]:
    """Covariance of the scaled values: (p, p), or that of the cases (n, n) with the centred values themselves."""
    n, p = values.shape
    if n < p:
        z = _scaled(values, fill, mean, scale)
        z -= z.mean(axis=0)
        return (z @ z.T).astype(np.float64) / n, z
    total, square = np.zeros(p), np.zeros((p, p))
    for start in range(0, n, _BLOCK):
        z = _scaled(values[start : start + _BLOCK], fill, mean, scale)
        total += z.sum(axis=0, dtype=np.float64)
        square += z.T @ z
    centre = total / n
    return square / n - np.outer(centre, centre), None


def _axes(scatter: Floats, flat: Points | None) -> tuple[Floats, Floats]:
    """(d, p) unit axes and (d,) variances, the widest first; each axis' largest part is positive."""
    variances, vectors = np.linalg.eigh(scatter)
    variances, vectors = variances[::-1], vectors[:, ::-1]
    kept = variances > 1e-6 * variances[0]
    variances = variances[kept]
    axes = vectors[:, kept].T if flat is None else (vectors[:, kept].T @ flat) / np.sqrt(len(flat) * variances)[:, None]
    strongest = np.abs(axes).argmax(axis=1)
    return axes * np.sign(axes[np.arange(len(axes)), strongest])[:, None], variances


def _enough(variances: Floats, components: int | None) -> int:
    if components is not None:
        if components < 1:
            raise BadValues(f"{components} components were asked for.", "Ask for 1 or more.")
        return min(components, len(variances))
    enough = int(np.searchsorted(np.cumsum(variances), SHARE * variances.sum())) + 1
    return min(max(enough, 2), MOST, len(variances))


def beyond_chance(values: NDArray[np.floating[Any]], projection: Projection, rng: np.random.Generator) -> int:
    """How many of the first components are wider than in tables whose columns are shuffled, each by itself; 2 at least.

    Horn's parallel analysis (Psychometrika 1965, 30:179-185), at the 95th percentile, on at most 1,000 cases.
    """
    z = projection.scaled(values[rng.permutation(len(values))[:_ALIKE]]).astype(np.float64)
    by_chance = np.quantile([_widths(rng.permuted(z, axis=0)) for _ in range(_SHUFFLED)], 0.95, axis=0)
    wider = _widths(z) > by_chance
    d = len(projection.components)
    count = len(wider) if wider.all() else int(wider.argmin())
    return min(max(count, 2), d)


def _widths(z: Floats) -> Floats:
    """Variances along all components, the widest first, up to a factor."""
    centred = z - z.mean(axis=0)
    square = centred @ centred.T if len(z) < z.shape[1] else centred.T @ centred
    return np.asarray(np.linalg.eigvalsh(square)[::-1])


def coordinates(
    points: NDArray[np.floating[Any]], how: Literal["pca", "tsne", "umap"] = "pca", *, seed: int = 0
) -> Points:
    """(n, 2) places on a map of points (n, d). "umap" needs the extra `explore`.

    "pca" keeps distances as they are; "tsne" and "umap" keep neighbours and distort the rest: sizes
    of groups and gaps between them mean nothing there. MissingExtra where umap-learn is absent.
    """
    flat = np.asarray(points, dtype=np.float32)
    if how == "pca" or len(flat) < 5:
        return np.column_stack([flat, np.zeros((len(flat), max(0, 2 - flat.shape[1])), np.float32)])[:, :2]
    return _tsne(flat, seed) if how == "tsne" else _umap(flat, seed)


def _tsne(points: Points, seed: int) -> Points:
    from sklearn.manifold import TSNE

    wide = min(30.0, (len(points) - 1) / 3)
    start = "pca" if min(points.shape) >= 2 else "random"
    return np.asarray(TSNE(perplexity=wide, init=start, random_state=seed).fit_transform(points), dtype=np.float32)


def _umap(points: Points, seed: int) -> Points:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Tensorflow is not needed
        try:
            from umap import UMAP
        except ImportError as fault:
            raise MissingExtra(
                "A UMAP map needs umap-learn.", 'pip install "isocenter[explore]", or use tsne.'
            ) from fault
    start = coordinates(points) / max(float(np.abs(points[:, :1]).max()), 1e-6) * 10
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one thread, because of the seed: as meant
        made = UMAP(n_neighbors=min(15, len(points) - 1), init=start, random_state=seed).fit_transform(points)
    return np.asarray(made, dtype=np.float32)
