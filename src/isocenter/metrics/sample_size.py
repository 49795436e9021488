"""How many patients a model needs: the criteria of Riley and colleagues, from numbers known before training.

Parameters are *candidate* predictors: everything a method may choose from, each further level of a category
counted. The criteria were derived for regression without penalty. Trees and networks usually need more
(van der Ploeg, Austin and Steyerberg, BMC Med Res Methodol 2014), so they are a floor, never a licence.

A needed number is inf where no number suffices and NaN where the question has no answer. Figures equal
those of the R packages pmsampsize 1.1.3 and pmvalsampsize, whose z of 1.96 is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

import numpy as np
from scipy.special import expit, ndtri, xlogy
from scipy.stats import chi2, t

from isocenter.metrics import Floats

SHRINKAGE = 0.9  # predictor effects are at most 10 % too large
OPTIMISM = 0.05  # apparent R2 (Nagelkerke's, for classes) at most so much above the honest one
RISK_MARGIN = 0.05  # the overall risk known within so much
# Nagelkerke's R2 to suppose where nothing is known of the problem (Riley et al., BMJ 2020).
UNKNOWN_R2 = 0.15
RESIDUALS = 234  # degrees of freedom that give a residual SD within 10 % (Riley et al., Stat Med 2019a)
_Z = 1.96
_MOST = 10**9
# Quadrature of a normal distribution: 200 nodes give R2 to twelve digits for AUC up to 0.999.
_NODES, _MASS = np.polynomial.hermite_e.hermegauss(200)
_MASS = _MASS / _MASS.sum()


def largest_r2(shares: Sequence[float]) -> float:
    """Largest Cox-Snell R2 an outcome with these class shares allows: 1 - prod share^(2 share)."""
    p = np.asarray(shares, dtype=np.float64)
    return float(-np.expm1(2 * xlogy(p, p).sum()))


def r2_of_auc(auc: float, prevalence: float) -> float:
    """Cox-Snell R2 of a calibrated model with this AUC, for normal scores of equal variance in both classes.

    What Riley, Van Calster and Collins (Stat Med 2021) simulate with a million cases, here by quadrature.
    NaN outside 0.5 <= AUC < 1 and 0 < prevalence < 1.
    """
    if not (0.5 <= auc < 1 and 0 < prevalence < 1):
        return math.nan
    logits, mass, event = _linear_predictor(auc, prevalence)
    likelihood = float(mass @ -np.logaddexp(0.0, np.where(event, -logits, logits)))
    empty = float(xlogy(prevalence, prevalence) + xlogy(1 - prevalence, 1 - prevalence))
    return -math.expm1(2 * (empty - likelihood))


def auc_of_r2(r2: float, prevalence: float) -> float:
    """AUC whose Cox-Snell R2 this is: the inverse of `r2_of_auc`; NaN beyond the largest R2."""
    if not (0 < prevalence < 1 and 0 <= r2 < largest_r2((prevalence, 1 - prevalence))):
        return math.nan
    low, high = 0.5, 1.0 - 1e-12
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if r2_of_auc(middle, prevalence) < r2 else (low, middle)
    return (low + high) / 2


def _linear_predictor(auc: float, prevalence: float) -> tuple[Floats, Floats, Floats]:
    """Logits of a calibrated binormal model, their probability mass, and which belong to events."""
    distance = math.sqrt(2) * float(ndtri(auc))
    centre = math.log(prevalence / (1 - prevalence))
    logits = [centre + distance * _NODES + sign * distance**2 / 2 for sign in (1, -1)]
    mass = [prevalence * _MASS, (1 - prevalence) * _MASS]
    event = np.repeat([1.0, 0.0], len(_NODES))
    return np.concatenate(logits), np.concatenate(mass), event


def for_events(parameters: int, prevalence: float, r2: float, shrinkage: float = SHRINKAGE) -> dict[str, float]:
    """Patients needed for a binary outcome, by criterion (Riley et al., Stat Med 2019b; BMJ 2020).

    r2: Cox-Snell R2 to expect (`r2_of_auc` makes it from an AUC). Criteria: "shrinkage", "optimism", "risk".
    """
    if not (0 < prevalence < 1 and r2 <= (highest := largest_r2((prevalence, 1 - prevalence)))):
        return dict.fromkeys(("shrinkage", "optimism", "risk"), math.nan)
    return {
        "shrinkage": _ceil(_for_shrinkage(parameters, r2, shrinkage)),
        "optimism": _ceil(_for_shrinkage(parameters, r2, r2 / (r2 + OPTIMISM * highest))),
        "risk": _ceil((_Z / RISK_MARGIN) ** 2 * prevalence * (1 - prevalence)),
    }


def for_classes(
    parameters: int, counts: Sequence[float], pair_r2: Mapping[tuple[int, int], float], nagelkerke: float = UNKNOWN_R2
) -> dict[str, float]:
    """Patients needed for K > 2 classes (Pate et al., Stat Methods Med Res 2023), by criterion.

    counts: (K,) cases expected, only their shares matter; pair_r2: Cox-Snell R2 of class i against
    class j, i < j; nagelkerke: R2 of the whole model, 0..1. Ordered classes need fewer, for one set of
    slopes serves all: what is said here is enough for them.
    """
    if min(counts) <= 0:
        return dict.fromkeys(("shrinkage", "optimism", "risk"), math.nan)
    shares = np.asarray(counts, dtype=np.float64) / np.sum(counts)
    highest, k = largest_r2(list(shares)), len(shares)
    whole = _for_shrinkage(parameters * (k - 1), nagelkerke * highest, nagelkerke / (nagelkerke + OPTIMISM))
    pairs = [
        _for_shrinkage(parameters, pair_r2[i, j], SHRINKAGE) / (shares[i] + shares[j])
        for i, j in combinations(range(k), 2)
    ]
    # Goodman's simultaneous intervals: the K risks are wanted together.
    risk = float(chi2.isf(0.05 / k, 1)) * float((shares * (1 - shares)).max()) / RISK_MARGIN**2
    return {"shrinkage": _ceil(float(np.max(pairs))), "optimism": _ceil(whole), "risk": _ceil(risk)}


def _for_shrinkage(parameters: int, r2: float, shrinkage: float) -> float:
    """Patients so that the expected shrinkage is this one: p / ((S - 1) ln(1 - R2 / S))."""
    if r2 == 0:
        return math.inf
    return parameters / ((shrinkage - 1) * math.log1p(-r2 / shrinkage)) if 0 < r2 < shrinkage < 1 else math.nan


def for_numbers(
    parameters: int, r2: float, mean: float, sd: float, shrinkage: float = SHRINKAGE, margin: float = 1.1
) -> dict[str, float]:
    """Patients needed for a number (Riley et al., Stat Med 2019a), by criterion.

    r2: R2 to expect (adjusted, not apparent); mean, sd: of the outcome. Criteria: "shrinkage", "optimism",
    "residual" (its SD within 10 %), "mean" (known to the factor `margin`; NaN for an outcome around 0).
    pmsampsize prints the mean's no lower than the others; here each stands for itself.
    """
    if not 0 <= r2 < 1:
        return dict.fromkeys(("shrinkage", "optimism", "residual", "mean"), math.nan)

    def precise(n: int) -> bool:
        half = float(t.isf(0.025, n - parameters - 1)) * sd * math.sqrt((1 - r2) / n)
        return half <= (margin - 1) * abs(mean)

    least = parameters + 2
    return {
        "shrinkage": _least(least, lambda n: expected_shrinkage(n, parameters, r2) >= shrinkage),
        "optimism": _ceil(1 + parameters * (1 - r2) / OPTIMISM),
        "residual": float(RESIDUALS + parameters),
        "mean": _least(least, precise) if abs(mean) > sd * 1e-3 else math.nan,
    }


def expected_shrinkage(n: int, parameters: int, r2: float) -> float:
    """Shrinkage of a linear model's predictor effects with n patients (Copas 1983, as in Riley et al. 2019a)."""
    apparent = (r2 * (n - parameters - 1) + parameters) / (n - 1)
    return 1 + (parameters - 2) / (n * math.log1p(-apparent)) if 0 < apparent < 1 else math.nan


def affordable(n: float, needed: Callable[[int], float]) -> int:
    """Most parameters whose needed number of patients is at most n; `needed` rises with the parameters."""
    if not needed(1) <= n:
        return 0
    return int(_least(1, lambda p: not needed(p + 1) <= n))


def for_external_test(
    prevalence: float, auc: float, *, ratio_width: float = 0.2, slope_width: float = 0.2, auc_width: float = 0.1
) -> dict[str, float]:
    """Patients an external test needs (Riley et al., Stat Med 2021): 95 % intervals no wider than these.

    Criteria: "ratio" (observed to expected events), "slope" (calibration, for a calibrated model with
    normal scores), "auc" (standard error of Newcombe's method 4).
    """
    if not (0.5 < auc < 1 and 0 < prevalence < 1):
        return dict.fromkeys(("ratio", "slope", "auc"), math.nan)
    ratio_se, others = math.asinh(ratio_width / 2) / _Z, 1 - prevalence
    logits, mass, _ = _linear_predictor(auc, prevalence)
    return {
        "ratio": _ceil(others / (prevalence * ratio_se**2)),
        "slope": _ceil(for_slope(logits, mass, slope_width)),
        "auc": _least(2, lambda n: 2 * _Z * auc_error(n, prevalence, auc) <= auc_width),
    }


def for_slope(logits: Floats, mass: Floats, width: float) -> float:
    """Patients for a calibration slope this precise; logits of the model and how frequent each is."""
    chance = expit(logits)
    information = mass * chance * (1 - chance)
    ones, first, second = (float(information @ logits**power) for power in (0, 1, 2))
    return ones / ((width / (2 * _Z)) ** 2 * (ones * second - first**2))


def auc_error(n: float, prevalence: float, auc: float) -> float:
    """Standard error to expect of an AUC among n patients (method 4 of Newcombe, Stat Med 2006)."""
    spread = 1 + (n / 2 - 1) * ((1 - auc) / (2 - auc) + auc / (1 + auc))
    return math.sqrt(auc * (1 - auc) * spread / (n**2 * prevalence * (1 - prevalence)))


def r2_width(n: float, r2: float) -> float:
    """Width to expect of the 95 % interval of R2 among n test patients (Archer et al., Stat Med 2021)."""
    return min(2 * _Z * math.sqrt(4 * r2 * (1 - r2) ** 2 / n), 1.0) if n > 0 and 0 <= r2 <= 1 else math.nan


def correlation_width(n: float, correlation: float) -> float:
    """Width to expect of the 95 % interval of a correlation among n test patients (Fisher's z)."""
    if n <= 3 or not -1 < correlation < 1:
        return math.nan
    z, half = math.atanh(correlation), _Z / math.sqrt(n - 3)
    return math.tanh(z + half) - math.tanh(z - half)


def _ceil(value: float) -> float:
    return float(math.ceil(value)) if math.isfinite(value) else value


def _least(start: int, enough: Callable[[int], bool]) -> float:
    """Smallest whole number from `start` on that is enough: doubling, then halving; inf beyond a billion."""
    if enough(start):
        return float(start)
    low, step = start, 1
    while not enough(low + step):
        low, step = low + step, 2 * step
        if low > _MOST:
            return math.inf
    high = low + step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return float(high)
