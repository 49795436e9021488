"""Several images of a patient become one prediction.

    mean       mean of the probabilities (or values)
    weighted   mean weighted by how sure each image is: 1 - entropy / log(classes)
    max        the image most like the event decides (two classes, or each label by itself)
    noisy-or   one minus the chance that no image shows it, images taken as independent (Pearl 1988)
    median     median of the values (measurements)

Which one serves is chosen on tuning data (`isocenter.deciding`), never here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
OF_CLASSES = ("mean", "weighted")
OF_EVENTS = ("mean", "weighted", "max", "noisy-or")
OF_LABELS = ("mean", "max", "noisy-or")
OF_VALUES = ("mean", "median")
ALL = tuple(dict.fromkeys((*OF_EVENTS, *OF_VALUES)))


def aggregate(output: Floats, groups: Ints, how: str, positive: int | None = None) -> Floats:
    """One row a group, (g, k), from one row a case (n, k).

    groups: (n,) codes 0..g-1, all present; positive: the column of the event, of two that add up
    to 1; None where each column stands for itself (labels, values) or there are several classes.
    Groups with a missing (NaN) row are NaN.
    """
    if how == "median":
        return _medians(output, groups)
    if how in ("mean", "weighted"):
        return _means(output, groups, _sureness(output) if how == "weighted" else np.ones(len(output)))
    events = output if positive is None else output[:, [positive]]
    found = _largest(events, groups) if how == "max" else _noisy_or(events, groups)
    if positive is None:
        return found
    return np.hstack([found, 1 - found] if positive == 0 else [1 - found, found])


def _means(output: Floats, groups: Ints, weights: Floats) -> Floats:
    """Means of the distances from each group's first row: rounding makes no difference between rows that have none."""
    n = int(groups.max(initial=-1)) + 1
    first = output[np.unique(groups, return_index=True)[1]]
    output = output - first[groups]
    total = np.bincount(groups, weights, minlength=n)
    sums = [np.bincount(groups, weights * column, minlength=n) for column in output.T]
    plain = [np.bincount(groups, column, minlength=n) for column in output.T]
    counts = np.bincount(groups, minlength=n)
    # Images that are all unsure weigh nothing: then each counts alike.
    flat = total <= 1e-12
    means = np.stack(
        [np.where(flat, p / counts, s / np.where(flat, 1.0, total)) for s, p in zip(sums, plain, strict=True)], axis=1
    )
    return np.asarray(first + means)


def _sureness(output: Floats) -> Floats:
    """(n,) 1 - entropy / its largest value."""
    entropy = -(output * np.log(np.clip(output, 1e-12, None))).sum(axis=1) / np.log(output.shape[1])
    return np.asarray(np.clip(1 - entropy, 0.0, 1.0))


def _largest(output: Floats, groups: Ints) -> Floats:
    found = np.full((int(groups.max(initial=-1)) + 1, output.shape[1]), -np.inf)
    np.maximum.at(found, groups, output)
    return found


def _noisy_or(output: Floats, groups: Ints) -> Floats:
    found = np.ones((int(groups.max(initial=-1)) + 1, output.shape[1]))
    np.multiply.at(found, groups, 1 - output)
    return np.asarray(1 - found)


def _medians(output: Floats, groups: Ints) -> Floats:
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    return np.array([np.median(rows, axis=0) for rows in np.split(output[order], starts[1:])])
