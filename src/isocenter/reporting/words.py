"""How numbers are written and what metrics are called."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from isocenter.cohort import Target
from isocenter.evaluation import Estimate
from isocenter.features import FEATURES

DASH = "–"
NOTHING = "—"

_AUC = (
    "Area under the ROC curve: how often a case with the condition gets a higher score than one without; 0.5 is "
    "chance, 1 is perfect. With several classes, each stands against the rest and the mean is taken."
)
# Metric -> (title, one line of explanation for the glossary).
METRICS: dict[str, tuple[str, str]] = {
    "auc": ("AUC", _AUC),
    "partial_auc": (
        "Partial AUC (specificity 0.9 to 1)",
        "The ROC curve's area where few are called in vain, McClish-corrected: 0.5 is chance, 1 is perfect.",
    ),
    "average_precision": (
        "Average precision",
        "Area under the precision-recall curve. Guessing reaches the share of cases that have the condition.",
    ),
    "accuracy": ("Accuracy", "Share of cases whose predicted class is the true one."),
    "balanced_accuracy": (
        "Balanced accuracy",
        "Mean of the shares found in each class, so that a rare class counts as much as a frequent one.",
    ),
    "sensitivity": ("Sensitivity", "Share of the cases with the condition that are called so (recall)."),
    "specificity": ("Specificity", "Share of the cases without the condition that are called so."),
    "ppv": ("PPV", "Positive predictive value: share of the positive calls that are right. Depends on the prevalence."),
    "npv": ("NPV", "Negative predictive value: share of the negative calls that are right. Depends on the prevalence."),
    "f1": ("F1", "Harmonic mean of sensitivity and PPV."),
    "brier": ("Brier score", "Mean squared error of the probabilities; 0 is perfect, lower is better."),
    "scaled_brier": (
        "Scaled Brier score",
        "1 is perfect, 0 no better than telling everybody the prevalence, negative worse (prediction accuracy index).",
    ),
    "brier_reliability": ("Brier: reliability", "Part of the Brier score that miscalibration adds; 0 is best."),
    "brier_resolution": (
        "Brier: resolution",
        "Part of the Brier score that telling cases apart takes off; more is better.",
    ),
    "calibration_slope": (
        "Calibration slope",
        "1 is perfect; below 1 predictions are too extreme, above 1 too timid. Fitted without penalty.",
    ),
    "calibration_intercept": (
        "Calibration intercept",
        "Intercept fitted together with the slope; means little by itself unless the slope is 1.",
    ),
    "calibration_in_the_large": (
        "Calibration in the large",
        "Intercept with the slope held at 1: above 0 risks are underestimated on the whole, below 0 overestimated.",
    ),
    "ici": (
        "ICI",
        "Integrated calibration index: mean distance of the calibration curve from the diagonal; 0 is best.",
    ),
    "ece": (
        "ECE",
        "Expected calibration error over ten bins; secondary: far above 0 for a perfect model in a small sample.",
    ),
    "ordinal_c_index": (
        "Ordinal c-index",
        "How often, of two cases of different grades, the higher is predicted higher (pairs of grades count the same).",
    ),
    "kappa_quadratic": (
        "Quadratic kappa",
        "Agreement of predicted and true grade beyond chance; a miss counts by the square of its distance in grades.",
    ),
    "kappa_linear": ("Linear kappa", "As the quadratic kappa; a miss counts by its distance in grades."),
    "grade_error": ("Error in grades", "Mean distance between predicted and true grade; lower is better."),
    "rps": (
        "Ranked probability score",
        "Squared error of the probabilities of 'this grade or higher'; 0 is perfect, lower is better.",
    ),
    "cumulative_auc": ("Cumulative AUC", "AUC of 'this grade or higher' against lower, by its probability."),
    "micro_f1": ("Micro F1", "F1 of all labels of all cases thrown together, so that frequent labels count more."),
    "exact_match": ("Exact match", "Share of cases with every label right."),
    "hamming_loss": ("Hamming loss", "Share of labels that are wrong, over all cases; lower is better."),
    "r2": ("R²", "Share of the measurement's variance that is explained: 1 is perfect, 0 is what a constant reaches."),
    "mae": ("MAE", "Mean absolute error, in the units of the measurement; lower is better."),
    "rmse": ("RMSE", "Root of the mean squared error, in the units of the measurement; lower is better."),
    "median_absolute_error": (
        "Median absolute error",
        "Half of the cases are predicted closer than this, in the units of the measurement; lower is better.",
    ),
    "ccc": (
        "Concordance",
        "Lin's concordance correlation: correlation, lowered by bias and by unequal spread; 1 is perfect agreement.",
    ),
    "bias": ("Bias", "Mean of predicted less measured, in the units of the measurement; 0 is best (Bland and Altman)."),
    "agreement_low": ("Limit of agreement, lower", "With the upper one it holds 95 % of predicted less measured."),
    "agreement_high": ("Limit of agreement, upper", "With the lower one it holds 95 % of predicted less measured."),
    "spearman": ("Spearman ρ", "Correlation of ranks: whether larger values are predicted larger, −1 to 1."),
}
# Numbers in the units of the target, not shares.
OF_UNITS = frozenset({"mae", "rmse", "median_absolute_error", "bias", "agreement_low", "agreement_high"})
# Neither shares of one scale, nor errors: no bar from 0 to 1 can show them.
UNSCALED = frozenset(
    {"calibration_slope", "calibration_intercept", "calibration_in_the_large", "scaled_brier", "brier_resolution"}
)

_INTERVALS = {
    "wilson": "Wilson",
    "delong": "DeLong",
    "delong-paired": "DeLong, paired",
    "mcnemar-exact": "McNemar, exact",
    "mcnemar-midp": "McNemar, mid-p",
    "obuchowski": "Obuchowski",
    "bootstrap-paired": "paired bootstrap over patients",
    "same-order": "the same order of cases in both",
    "newcombe": "Newcombe",
    "newcombe-difference": "Newcombe",
    "zou-mover": "Zou, from the intervals of its parts",
    "gwet": "Gwet",
    "least-squares": "least squares",
    "carkeet-exact": "Carkeet, exact",
    "mover": "from the intervals of its parts",
    "bootstrap-patients": "bootstrap over patients",
    "wald": "Wald",
    "constant-scores": "constant scores",
    "corrected-resampled": "corrected resampled t over the folds",
    "corrected-resampled-pooled": "corrected resampled t, pooled in each repeat",
    "corrected-t": "corrected resampled t over the folds",
    "nested-cv": "nested cross-validation",
    "hartung-knapp": "random effects, Hartung-Knapp",
    "confidence-distribution": "prediction interval, by a confidence distribution",
    "none": "",
    "not-given": "",
}
_ENDINGS = {
    "-patients": "by patients",
    "-mover": "combined",
    "-logit": "logit scale",
    "-log": "log scale",
    "-fisher-z": "Fisher's z",
    "-t": "Student's t",
    "-wilson": "Wilson",
    "-hall": "corrected for skewness",
}


def title(metric: str, several: bool = False) -> str:
    """The name of a metric; `several`: it is a mean over more than two classes."""
    name = METRICS[metric][0] if metric in METRICS else metric.replace("_", " ").capitalize()
    return f"Macro {name}" if several and metric in ("auc", "f1", "average_precision") else name


def interval_name(how: str) -> str:
    """How an interval was made, in words."""
    if how in _INTERVALS:
        return _INTERVALS[how]
    for ending, words in _ENDINGS.items():
        if how.endswith(ending):
            return f"{interval_name(how.removesuffix(ending))}, {words}"
    return how.replace("-", " ")


def value(metric: str, number: float) -> str:
    """0.874; a quantity with four significant digits where the metric has units."""
    return quantity(number) if metric in OF_UNITS else decimal(number)


def decimal(number: float, digits: int = 3) -> str:
    """0.874 with so many decimals and a true minus sign; a dash where it is not finite."""
    if not math.isfinite(number):
        return NOTHING
    text = f"{number:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", "−")


def quantity(number: float) -> str:
    """A measurement: integers as they are, others with four significant digits."""
    if not math.isfinite(number):
        return NOTHING
    if float(number).is_integer() and abs(number) < 1e6:
        return count(int(number))
    text = f"{number:.3e}" if abs(number) >= 1e6 or abs(number) < 1e-4 else f"{number:.4g}"
    return text.replace("-", "−")


def count(n: int) -> str:
    """Thousands parted by a thin space from 10,000 on, as journals do."""
    return (f"{n:,}".replace(",", "\u202f") if abs(n) >= 10_000 else str(n)).replace("-", "−")


def percent(part: float, whole: float) -> str:
    """12%, with one decimal below 1 and above 99; a dash of nothing."""
    if not whole:
        return NOTHING
    share = 100 * part / whole
    return f"{share:.1f}%" if 0 < share < 1 or 99 < share < 100 else f"{share:.0f}%"


def has_interval(row: Estimate) -> bool:
    """Whether both limits are finite and mean something: not those of constant scores."""
    return math.isfinite(row.low) and math.isfinite(row.high) and row.interval not in ("none", "constant-scores")


def interval(row: Estimate, prose: bool = False) -> str:
    """0.801–0.923, "to" where a limit is negative and in prose; nothing where there is none."""
    if not has_interval(row):
        return ""
    between = " to " if prose or row.low < 0 or row.high < 0 else DASH
    return f"{value(row.metric, row.low)}{between}{value(row.metric, row.high)}"


def feature_name(card: Mapping[str, Any], name: str) -> str:
    """The user's name of a model's feature: age, where several steps of features are joined as covariates__age."""
    features = card.get("features") or ()
    steps = [features] if isinstance(features, str) else list(features)
    step, _, own = name.partition("__")
    joined = len(steps) + bool(card.get("covariates")) > 1
    return own if joined and own and step in FEATURES else name


def of_class(target: Target, name: str) -> str:
    """A class as it reads in a sentence: malignant; diagnosis = 1 where the name is no word."""
    return name if any(c.isalpha() for c in name) else f"{target.column} = {name}"


def counted(n: int, one: str, many: str | None = None) -> str:
    """1 case, 12 cases."""
    return f"{count(n)} {one if n == 1 else many or one + 's'}"


def listed(names: Sequence[str], last: str = "and") -> str:
    """a, b and c."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {last} {names[-1]}"
