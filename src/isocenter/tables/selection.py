"""Selection of features by what they tell of the outcome: inside the folds, or it tells lies.

- univariate: the largest F statistics (analysis of variance; of measurements and grades a straight line);
- mrmr: minimum redundancy, maximum relevance (Ding and Peng, J Bioinform Comput Biol 2005) as quotient of F
  statistic and mean absolute correlation with those chosen before (FCQ; Zhao, Anand and Wang, DSAA 2019);
- elastic-net: in the order in which they enter the path of the elastic net (Zou and Hastie, J R Stat Soc B 2005),
  least squares on class indicators, half lasso and half ridge, a feature for all classes at once.

Ties go to the earlier column. Missing values count as the median.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import enet_path

from isocenter.tables.narrowing import Flags, Floats, Narrowing, filled, standardised

WAYS = ("mrmr", "univariate", "elastic-net")
HALF = 0.5
STEPS, SMALLEST = 100, 1e-3  # of the path: penalties, and the last one as a share of the first
LEAST_REDUNDANCY = 1e-3
MOST = 1e12  # an F statistic of perfect separation


class Select(Narrowing):
    """Keeps `keep` features (all where there are no more); task: as `cohort.Task` names it.

    The elastic net keeps fewer where no more enter its path.
    """

    what = "selection"

    def __init__(
        self, how: str = "mrmr", keep: int = 20, task: str = "classification", spare: tuple[str, ...] = ()
    ) -> None:
        self.how = how
        self.keep = keep
        self.task = task
        self.spare = spare

    def _keeps(self, values: Floats, names: list[str], y: Any) -> Flags:  # noqa: ARG002
        kept = np.zeros(values.shape[1], dtype=np.bool_)
        if self.keep >= values.shape[1]:
            return ~kept
        z, answers = standardised(filled(values)), indicators(np.asarray(y), self.task)
        if self.how == "elastic-net":
            chosen = _path(z, answers, self.keep)
        elif self.how == "mrmr":
            chosen = _mrmr(z, relevance(z, answers, self.task), self.keep)
        else:
            chosen = np.argsort(-relevance(z, answers, self.task), kind="stable")[: self.keep].tolist()
        kept[chosen] = True
        return kept

    def _remedy(self) -> str:
        return "No feature tells anything of the outcome here: select otherwise, or not at all."


def indicators(y: Any, task: str) -> Floats:
    """(n, k) what is to be told: a column a class (of two classes one) or label, or the value or grade itself."""
    if y.ndim == 2:
        return np.asarray(y, dtype=np.float64)
    if task != "classification":
        return np.asarray(y, dtype=np.float64)[:, None]
    classes = np.unique(y)
    found = (y[:, None] == classes).astype(np.float64)
    return np.asarray(found[:, 1:] if len(classes) <= 2 else found)


def relevance(z: Floats, answers: Floats, task: str) -> Floats:
    """(p,) F statistics of standardised features (n, p); of several labels the mean over them."""
    told = standardised(answers)
    if task == "multilabel":
        return np.asarray(_f((z.T @ told) ** 2, 1, len(z) - 2).mean(axis=1))
    if answers.shape[1] == 1:
        return _f((z.T @ told)[:, 0] ** 2, 1, len(z) - 2)
    within_classes = answers.sum(axis=0)
    explained = ((z.T @ answers) ** 2 / within_classes).sum(axis=1)  # of a variance of 1
    return _f(explained, answers.shape[1] - 1, len(z) - answers.shape[1])


def _f(explained: Floats, free: int, left: int) -> Floats:
    explained = np.clip(explained, 0.0, 1.0)
    return np.minimum(explained / free * max(left, 1) / np.maximum(1.0 - explained, 1.0 / MOST), MOST)


def _mrmr(z: Floats, score: Floats, keep: int) -> list[int]:
    chosen = [int(np.argmax(score))]
    redundancy = np.zeros(len(score))
    while len(chosen) < keep:
        redundancy += np.abs(z[:, chosen[-1]] @ z)
        worth = score / np.maximum(redundancy / len(chosen), LEAST_REDUNDANCY)
        worth[chosen] = -1.0
        chosen.append(int(np.argmax(worth)))
    return chosen


def _path(z: Floats, answers: Floats, keep: int) -> list[int]:
    """The first `keep` features of the path; those that enter together by the size of their coefficients."""
    x, told = np.asfortranarray(z * np.sqrt(len(z))), np.asfortranarray(answers - answers.mean(axis=0))
    largest = np.sqrt(((x.T @ told) ** 2).sum(axis=1)).max() / (len(x) * HALF)
    chosen: list[int] = []
    if largest <= 0:
        return chosen
    one = told[:, 0] if told.shape[1] == 1 else told
    coefficients: Any = None
    for penalty in np.geomspace(largest, largest * SMALLEST, STEPS)[1:]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # who is in is settled long before the last digit
            found = enet_path(x, one, l1_ratio=HALF, alphas=[penalty], coef_init=coefficients)[1][..., 0]
        coefficients = np.asfortranarray(found)
        size = np.abs(found) if found.ndim == 1 else np.sqrt((found**2).sum(axis=0))
        entered = [j for j in np.argsort(-size, kind="stable").tolist() if size[j] > 0 and j not in chosen]
        chosen += entered
        if len(chosen) >= keep:
            break
    return chosen[:keep]
