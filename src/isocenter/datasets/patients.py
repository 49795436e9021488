"""Who the phantom's patients are: what is drawn for each, and how hard they are to classify.

The class is drawn first; then each `Property`, a normal distribution whose mean depends on the
class. The distributions overlap, so that what is in the images can never separate the classes
fully: given all its properties, a lesion's class stays a weighted coin. Because the distributions are
known, so is the best possible score, the log likelihood ratio: `oracle`. With independent
properties of effects d1, d2... (difference of means in standard deviations) its AUC is
Phi(sqrt(d1^2 + d2^2 + ...) / sqrt(2)): 0.88 here, 0.67 for size alone, 0.65 for age and sex.

A cohort of 120 strays from these by chance, so `draw_patients` draws whole cohorts until one lies
inside `DESIGN`; class and site are crossed by quota, so that the scanner tells nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from isocenter.errors import UsageError
from isocenter.metrics.ranking import auc

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

PREVALENCE = 0.45
FEWEST = 4  # two classes on two scanners
_WIDEST = 2.3  # standard deviations: keeps every lesion visible and inside its lung
_MALE = {True: 0.60, False: 0.48}  # share of men, by malignancy
_ATTEMPTS = 400


@dataclass(frozen=True)
class Property:
    """What is drawn for a patient: normal, or log-normal where `logarithmic`, around `centre`.

    scale: standard deviation within a class, of the logarithm where `logarithmic`; effect: mean of
    the malignant minus mean of the benign, in standard deviations.
    """

    name: str
    centre: float
    scale: float
    effect: float
    logarithmic: bool = False

    def value(self, z: Floats) -> Floats:
        return self.centre * np.exp(self.scale * z) if self.logarithmic else self.centre + self.scale * z

    def z(self, value: Floats) -> Floats:
        return (np.log(value / self.centre) if self.logarithmic else value - self.centre) / self.scale


SIZE = Property("diameter", 22.0, 0.22, effect=0.65, logarithmic=True)
IMAGE = (
    SIZE,
    Property("attenuation", 45.0, 25.0, effect=-0.40),
    Property("heterogeneity", 60.0, 0.45, effect=1.20, logarithmic=True),
    Property("spiculation", 0.40, 0.45, effect=1.05, logarithmic=True),
)
AGE = Property("age", 62.0, 9.0, effect=0.50)

# Bounds of the cohort's own AUCs, narrower than what the README promises.
DESIGN = {"oracle": (0.88, 0.915), "image": (0.865, 0.905), "size": (0.62, 0.73), "covariate": (0.61, 0.67)}


@dataclass(frozen=True)
class Scanner:
    """An invented CT scanner at an invented site. Lengths in mm, noise in HU.

    shape: (slices, rows, columns); noise_grain: standard deviation of the noise's smoothing in
    pixels; blur: the same of the image, both set by the reconstruction kernel.
    """

    site: str
    manufacturer: str
    model: str
    kernel: str
    kvp: int
    shape: tuple[int, int, int]
    slice_thickness: float
    pixel_spacing: float
    noise: float
    noise_grain: float
    blur: float

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Along (slice, row, column), in mm."""
        return self.slice_thickness, self.pixel_spacing, self.pixel_spacing


SCANNERS = (
    Scanner("A", "Phantom Systems A", "Imaginary 16", "SOFT", 120, (26, 80, 112), 4.0, 2.8, 12.0, 0.7, 0.45),
    Scanner("B", "Phantom Systems B", "Fictional 64", "SHARP", 100, (22, 74, 104), 4.8, 3.0, 24.0, 0.3, 0.3),
)


@dataclass(frozen=True)
class Patient:
    """All that is drawn for a patient; `render` makes the scan from nothing else.

    sex: "M" or "F"; age in years; diameter: of the sphere of the lesion's volume, mm; attenuation:
    the lesion's mean, HU; heterogeneity: standard deviation inside it, HU; spiculation: how far
    the margin's spikes reach, as a share of the radius; side: "left" or "right" lung; place:
    (slice, depth, angle) in 0..1 inside that lung; key: (cohort's seed, its size, number in it),
    from which come anatomy, the lesion's form, noise and UIDs, so that `replace(patient, diameter=30)`
    is the same patient at follow-up.
    """

    patient_id: str
    malignant: bool
    age: int
    sex: str
    scanner: Scanner
    diameter: float
    attenuation: float
    heterogeneity: float
    spiculation: float
    side: str
    place: tuple[float, float, float]
    key: tuple[int, int, int]

    @property
    def site(self) -> str:
        return self.scanner.site


@dataclass(frozen=True)
class Difficulty:
    """What each kind of knowledge reaches in a cohort: AUC of its best possible score."""

    oracle: float
    image: float
    size: float
    scanner: float
    covariate: float

    @classmethod
    def of(cls, patients: Sequence[Patient]) -> Difficulty:
        malignant = np.array([p.malignant for p in patients])
        at_first = np.array([float(p.scanner == SCANNERS[0]) for p in patients])
        by_scanner = float(auc(malignant, at_first))
        image, covariates = image_score(patients), covariate_score(patients)
        return cls(
            oracle=float(auc(malignant, image + covariates)),
            image=float(auc(malignant, image)),
            size=float(auc(malignant, _values(patients, SIZE))),
            scanner=max(by_scanner, 1 - by_scanner),
            covariate=float(auc(malignant, covariates)),
        )

    def misses(self) -> float:
        """How far outside `DESIGN`, summed over its bounds; 0 inside."""
        reached: dict[str, float] = asdict(self)
        return sum(max(low - reached[name], reached[name] - high, 0.0) for name, (low, high) in DESIGN.items())


def _values(patients: Sequence[Patient], prop: Property) -> Floats:
    return np.array([getattr(p, prop.name) for p in patients], dtype=np.float64)


def image_score(patients: Sequence[Patient]) -> Floats:
    """(n,) log likelihood ratio, malignant to benign, of what shapes the images."""
    return np.asarray(sum(prop.effect * prop.z(_values(patients, prop)) for prop in IMAGE))


def covariate_score(patients: Sequence[Patient]) -> Floats:
    """(n,) log likelihood ratio of age and sex."""
    of_sex = {
        "M": math.log(_MALE[True] / _MALE[False]),
        "F": math.log((1 - _MALE[True]) / (1 - _MALE[False])),
    }
    return np.asarray(AGE.effect * AGE.z(_values(patients, AGE)) + [of_sex[p.sex] for p in patients])


def oracle(patients: Sequence[Patient]) -> Floats:
    """(n,) the best possible score: the log likelihood ratio of everything that was drawn.

    No model, from whatever it measures, can be expected to rank the classes better.
    """
    return image_score(patients) + covariate_score(patients)


def draw_patients(seed: int = 0, patients: int = 120) -> tuple[Patient, ...]:
    """A cohort inside `DESIGN`; the nearest of 400 where it is too small to get there.

    The same seed and number give the same patients. Raises UsageError below 4 patients.
    """
    if patients < FEWEST:
        raise UsageError(f"{patients} phantom patients are too few.", f"Ask for {FEWEST} or more.")
    rng = np.random.default_rng([seed, patients])
    best: tuple[Patient, ...] = ()
    least = math.inf
    for _ in range(_ATTEMPTS):
        drawn = _draw(rng, seed, patients)
        misses = Difficulty.of(drawn).misses()
        if misses < least:
            best, least = drawn, misses
        if least == 0:
            break
    return best


def _draw(rng: np.random.Generator, seed: int, n: int) -> tuple[Patient, ...]:
    malignant, site = _quotas(rng, n)
    half = np.where(malignant, 0.5, -0.5)
    drawn = {prop.name: prop.value(_truncated(rng, half * prop.effect)) for prop in (*IMAGE, AGE)}
    men = rng.random(n) < np.where(malignant, _MALE[True], _MALE[False])
    left, place = rng.random(n) < 0.45, rng.random((n, 3)).round(4)
    width = max(3, len(str(n)))
    return tuple(
        Patient(
            patient_id=f"PHANTOM-{i + 1:0{width}d}",
            malignant=bool(malignant[i]),
            age=round(drawn["age"][i]),
            sex="M" if men[i] else "F",
            scanner=SCANNERS[site[i]],
            **{prop.name: round(float(drawn[prop.name][i]), 3) for prop in IMAGE},
            side="left" if left[i] else "right",
            place=(float(place[i, 0]), float(place[i, 1]), float(place[i, 2])),
            key=(seed, n, i + 1),
        )
        for i in range(n)
    )


def _quotas(rng: np.random.Generator, n: int) -> tuple[Bools, NDArray[np.int64]]:
    """Class and scanner of each patient: `PREVALENCE` malignant, each class halved between the scanners."""
    n_malignant = min(max(round(PREVALENCE * n), 2), n - 2)
    malignant = np.arange(n) < n_malignant
    site = np.where(malignant, np.arange(n), np.arange(n) + n_malignant + 1) % len(SCANNERS)
    order = rng.permutation(n)
    return malignant[order], site[order]


def _truncated(rng: np.random.Generator, mean: Floats) -> Floats:
    """(n,) normal around `mean` with standard deviation 1, drawn again beyond `_WIDEST`.

    Both classes share these bounds, so the log likelihood ratio stays linear.
    """
    z = rng.normal(mean)
    while (far := np.abs(z) > _WIDEST).any():
        z[far] = rng.normal(mean[far])
    return z
