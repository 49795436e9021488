"""Populations whose truth is known, by integration or from four million cases: what `interval_coverage.py` samples."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit, ndtr, ndtri

from isocenter.metrics import Floats, Ints
from isocenter.metrics.estimation import Panel
from isocenter.metrics.grade_panel import GradePanel
from isocenter.metrics.label_panel import LabelPanel
from isocenter.metrics.panels import ClassPanel, Key, ValuePanel

Sample = Callable[[np.random.Generator], tuple[Panel, Ints]]

PARTIAL = ("partial_auc", None)
OTHER = np.random.default_rng(0)  # for samples that are not counted


class Setting(NamedTuple):
    """A population: how a sample (panel, patients) is drawn from it, and its truth."""

    name: str
    sample: Sample
    truth: dict[Key, float]


def binormal(auc: float, prevalence: float) -> tuple[float, dict[Key, float]]:
    """Distance of two normal scores of this AUC, and the truth of every metric.

    Probabilities are the true ones; a case is called where they reach the prevalence, half way between the means.
    """
    apart = math.sqrt(2) * float(ndtri(auc))
    x = np.linspace(-9, 9 + apart, 200_001)
    of_event, of_other = (np.exp(-((x - mean) ** 2) / 2) / math.sqrt(2 * math.pi) for mean in (apart, 0.0))
    hits, alarms = ndtr(apart - x), ndtr(-x)
    called = prevalence * hits + (1 - prevalence) * alarms
    precision = np.divide(prevalence * hits, called, out=np.ones_like(x), where=called > 0)
    p = expit(apart * x - apart**2 / 2 + logit(prevalence))
    brier = np.trapezoid(prevalence * of_event * (1 - p) ** 2 + (1 - prevalence) * of_other * p**2, x)
    strip = np.trapezoid(np.where(alarms <= 0.1, hits * of_other, 0.0), x)
    right = float(ndtr(apart / 2))  # sensitivity and specificity are the same there
    tp, fn, fp, tn = (
        prevalence * right,
        prevalence * (1 - right),
        (1 - prevalence) * (1 - right),
        (1 - prevalence) * right,
    )
    truth = {
        "auc": auc, "average_precision": float(np.trapezoid(precision * of_event, x)), "accuracy": right,
        "balanced_accuracy": right, "sensitivity": right, "specificity": right, "ppv": tp / (tp + fp),
        "npv": tn / (tn + fn), "f1": 2 * tp / (2 * tp + fp + fn), "brier": float(brier),
        "partial_auc": 0.5 * (1 + (float(strip) - 0.005) / 0.095),
    }  # fmt: skip
    return apart, {(name, None): value for name, value in truth.items()}


def class_panel(x: Floats, y: Ints, apart: float, prevalence: float) -> ClassPanel:
    p = expit(apart * x - apart**2 / 2 + logit(prevalence))
    return ClassPanel(y, (p > prevalence).astype(np.int64), np.column_stack([1 - p, p]), 1)


def binary() -> Iterator[Setting]:
    """One case a patient."""
    for n in (20, 50, 150, 500):
        for prevalence in (0.5, 0.2, 0.05):
            for auc in (0.6, 0.75, 0.9, 0.97):
                apart, truth = binormal(auc, prevalence)

                def sample(rng: np.random.Generator, n=n, prevalence=prevalence, apart=apart) -> tuple[Panel, Ints]:
                    y = (rng.random(n) < prevalence).astype(np.int64)
                    return class_panel(rng.normal(size=n) + apart * y, y, apart, prevalence), np.arange(n)

                yield Setting(f"n {n}, prevalence {prevalence}, AUC {auc}", sample, truth)


def clustered() -> Iterator[Setting]:
    """1 to 7 images a patient, of one class or of both; half of the score's variance is the patient's."""
    for mixed in (False, True):
        for n in (20, 50, 150):
            for prevalence in (0.5, 0.2):
                for auc in (0.75, 0.95):
                    apart, truth = binormal(auc, prevalence)

                    def sample(
                        rng: np.random.Generator, n=n, prevalence=prevalence, apart=apart, mixed=mixed
                    ) -> tuple[Panel, Ints]:
                        who = np.repeat(np.arange(n), rng.integers(1, 8, n))
                        if mixed:
                            risk = rng.beta(2 * prevalence, 2 * (1 - prevalence), n)[who]
                            y = (rng.random(len(who)) < risk).astype(np.int64)
                        else:
                            y = (rng.random(n) < prevalence).astype(np.int64)[who]
                        noise = (rng.normal(size=n)[who] + rng.normal(size=len(who))) / math.sqrt(2)
                        return class_panel(noise + apart * y, y, apart, prevalence), who

                    kind = "both classes in a patient" if mixed else "one class a patient"
                    yield Setting(f"{n} patients, {kind}, prevalence {prevalence}, AUC {auc}", sample, truth)


def classes() -> Iterator[Setting]:
    """Three classes, one case a patient; the most probable one is decided."""
    for shares in ((1 / 3, 1 / 3, 1 / 3), (0.7, 0.2, 0.1)):
        for signal in (1.0, 2.0):

            def draw(rng: np.random.Generator, n: int, shares=shares, signal=signal) -> ClassPanel:
                y = rng.choice(3, n, p=shares)
                x = rng.normal(size=(n, 3))
                x[np.arange(n), y] += signal
                p = np.exp(signal * x) * shares
                return ClassPanel(y, p.argmax(axis=1), p / p.sum(axis=1, keepdims=True))

            truth = large_sample(draw)
            for n in (20, 50, 150):
                name = f"n {n}, classes {'/'.join(f'{100 * share:.0f}' for share in shares)} %, signal {signal:.0f}"
                yield Setting(name, lambda rng, n=n, draw=draw: (draw(rng, n), np.arange(n)), truth)


def grades() -> Iterator[Setting]:
    """Three grades in order, one case a patient; normal scores a distance of 1 apart a grade."""
    for shares in ((1 / 3, 1 / 3, 1 / 3), (0.6, 0.3, 0.1)):

        def draw(rng: np.random.Generator, n: int, shares=shares) -> GradePanel:
            y = rng.choice(3, n, p=shares)
            x = y + rng.normal(size=n)
            p = np.exp(-((x[:, None] - np.arange(3)) ** 2) / 2) * shares
            return GradePanel(y, p.argmax(axis=1), p / p.sum(axis=1, keepdims=True))

        truth = {key: value for key, value in large_sample(draw, 4, 200_000).items() if key in draw(OTHER, 9).own}
        for n in (20, 50, 150):
            name = f"n {n}, grades {'/'.join(f'{100 * share:.0f}' for share in shares)} %"
            yield Setting(name, lambda rng, n=n, draw=draw: (draw(rng, n), np.arange(n)), truth)


def labels() -> Iterator[Setting]:
    """Three labels that go together, one case a patient; called where they are more likely than not."""
    for shares in ((0.5, 0.4, 0.3), (0.3, 0.2, 0.1)):

        def draw(rng: np.random.Generator, n: int, shares=shares) -> LabelPanel:
            common = rng.normal(size=n)
            ill = np.stack([(common + rng.normal(size=n)) / math.sqrt(2) < ndtri(share) for share in shares], axis=1)
            x = (rng.normal(size=(n, 3)) + rng.normal(size=(n, 1))) / math.sqrt(2) + 1.5 * ill
            p = expit(1.5 * x - 1.125 + logit(np.array(shares)))
            return LabelPanel(ill.astype(np.int64), (p > 0.5).astype(np.int64), p)

        truth = {key: value for key, value in large_sample(draw, 4, 200_000).items() if key[1] is None}
        for n in (20, 50, 150):
            name = f"n {n}, labels of {', '.join(f'{100 * share:.0f}' for share in shares)} %"
            yield Setting(name, lambda rng, n=n, draw=draw: (draw(rng, n), np.arange(n)), truth)


def regression() -> Iterator[Setting]:
    """Prediction = truth + error; the error normal, with heavy tails, or larger for larger predictions."""
    for kind in ("normal", "heavy tails", "unequal spread", "1 to 7 images a patient"):

        def draw(rng: np.random.Generator, n: int, kind=kind) -> ValuePanel:
            predicted, error = rng.normal(size=n), rng.normal(size=n)
            if kind == "heavy tails":
                error = rng.standard_t(5, size=n) / math.sqrt(5 / 3)
            if kind == "unequal spread":
                error *= np.exp(predicted / 2 - 0.25)
            return ValuePanel(predicted + 0.8 * error, predicted)

        def images(rng: np.random.Generator, n: int) -> tuple[Panel, Ints]:
            who = np.repeat(np.arange(n), rng.integers(1, 8, n))
            predicted, error = ((rng.normal(size=n)[who] + rng.normal(size=len(who))) / math.sqrt(2) for _ in range(2))
            return ValuePanel(predicted + 0.8 * error, predicted), who

        truth = large_sample(draw)
        for n in (20, 50, 200):
            several = kind.startswith("1")
            alone = lambda rng, n=n, draw=draw: (draw(rng, n), np.arange(n))  # noqa: E731
            yield Setting(f"n {n}, {kind}", (lambda rng, n=n: images(rng, n)) if several else alone, truth)


def large_sample(
    draw: Callable[[np.random.Generator, int], Panel], times: int = 8, n: int = 500_000
) -> dict[Key, float]:
    """Mean over large samples: the truth, within a hundredth of an interval's width."""
    rng = np.random.default_rng(99)
    found: dict[Key, list[float]] = defaultdict(list)
    for _ in range(times):
        panel = draw(rng, n)
        for key, value in panel.measures(np.ones(n)).items():
            found[key].append(float(value))
    return {key: float(np.mean(values)) for key, values in found.items()}


FAMILIES: dict[str, Callable[[], Iterator[Setting]]] = {
    "binary": binary, "clustered": clustered, "classes": classes, "grades": grades, "labels": labels,
    "regression": regression,
}  # fmt: skip
