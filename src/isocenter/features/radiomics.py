"""Radiomics of regions as IBSI defines them, from one or several named images and masks of a case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from isocenter.case import IMAGE, MASK, Case
from isocenter.compute import Outcome
from isocenter.errors import IsocenterError, NothingLeft, UsageError
from isocenter.features import perturbed
from isocenter.features.base import FeatureStep, case_index, values
from isocenter.features.measured import MET, Task, measured, unpacked
from isocenter.features.presets import check_left, has_responses, has_unit, mixed, presets_of
from isocenter.features.regions import ONE, check_way
from isocenter.features.standard import Standard, learned_scale, standards
from isocenter.preparation.cases import named
from isocenter.radiomics.filters import written
from isocenter.radiomics.written import settings_of
from isocenter.store import Row

Names = str | tuple[str, ...] | None


class Radiomics(FeatureStep):
    """Features of each case's regions, on each of its images.

    preset: one of `radiomics.PRESETS`, with changes as text ("ct:bin_width=10:spacing=2", `radiomics.written`), or
    several as "IMAGE=PRESET"; None: by modality or the image's name, "mr" where neither tells. image: names of
    images, None: all that the first case has. mask: names of masks, False: none, None: all that the first case has;
    a mask called like an image is of that image only, others are of all, laid on its grid where that differs. regions:
    "one" a mask; "labels": each label has its own columns; "mean": of all labels. image_filters: of IBSI 2, as text
    (`radiomics.filters.written`), whose responses are measured beside each image. standardise: as `Intensity`'s,
    done to images whose preset is neither "ct" nor "pet", which have a unit; Nyul's scale is learned from the
    training cases. store: folder of the results, or None.

    perturbed: smallest ICC(2,1) over perturbed masks of the training cases (`features.perturbed`) with which a feature
    is kept; None keeps all.

    Columns: [IMAGE_][REGION_][FILTER_]FEATURE, IMAGE and REGION where there are several; IBSI tags, or PyRadiomics'
    names with its preset. Without a mask the whole image is the region, and what grows with its size is left out.
    Pictures keep their grid, their texture and filters are in plane, and a region's shape is that of `Intensity`. What
    is not defined is NaN. Voxels that are NaN or infinite are left out of intensities, as if re-segmented; shape has
    them.
    """

    def __init__(
        self,
        preset: Names = None,
        image: Names = None,
        mask: Names | bool = None,
        regions: str = ONE,
        standardise: str | None = None,
        store: str | None = None,
        image_filters: Names = None,
        perturbed: float | None = None,
    ) -> None:
        self.preset = preset
        self.image = image
        self.mask = mask
        self.regions = regions
        self.standardise = standardise
        self.store = store
        self.image_filters = image_filters
        self.perturbed = perturbed

    def _learn(self, X: list[Case]) -> None:
        """Learn which images, masks and presets there are, and the names of the features."""
        self.plan_ = self.plan(X)
        self.scales_ = {name: learned_scale(X, name, self._how(chosen), self.store) for name, _, chosen in self.plan_}
        rows = values(X, self._rows(X))
        self.names_ = _names_of(rows)
        self.unreliable_: list[str] = []
        if self.perturbed is not None:
            self._keep_reliable(X, rows)

    def _keep_reliable(self, X: list[Case], rows: list[dict[str, float]]) -> None:
        """Drop the features that perturbed masks change; NothingLeft where that is all of them."""
        assert self.perturbed is not None
        # a region that a perturbation leaves nothing of has no value by it
        others = [[outcome.value or {} for outcome in self._rows(X, way)] for way in perturbed.WAYS]
        good = perturbed.reliable([_tabled(one, self.names_) for one in (rows, *others)], self.perturbed)
        if not good.any():
            raise NothingLeft(
                f"Perturbed masks leave none of {len(good)} features with an ICC of {self.perturbed:g}.",
                "Lower --min-icc, or check the masks: they may be very small.",
            )
        self.unreliable_ = [name for name, stays in zip(self.names_, good, strict=True) if not stays]
        self.names_ = [name for name, stays in zip(self.names_, good, strict=True) if stays]

    def transform(self, X: list[Case]) -> pd.DataFrame:
        """(n, features) float64. Raises the first case's fault."""
        check_is_fitted(self, "names_")
        rows = values(X, self._rows(X))
        table = _tabled(rows, self.names_)
        return pd.DataFrame(table, index=case_index(X), columns=pd.Index(self.names_, dtype="str"))

    def plan(self, cases: Sequence[Case]) -> tuple[tuple[str, tuple[str, ...], str], ...]:
        """Image, its masks and its preset, each. UsageError for presets, filters and needed masks that do not exist,
        and where nothing is left to measure."""
        check_way(self.regions)
        sources = cases[0].sources if cases else ()
        images = _names(self.image) or tuple(s.name for s in sources if s.role == IMAGE) or ("image",)
        masks = () if self.mask is False else (_names(self.mask) or tuple(s.name for s in sources if s.role == MASK))
        if self.perturbed is not None and not masks:
            raise UsageError("--reliable perturbed changes masks, and here is none.", "Give masks, or leave it out.")
        own = set(images) & set(masks)
        codes = {s.name: s.modality for s in sources if s.role == IMAGE}
        presets = presets_of(images, _names(self.preset), codes)
        for chosen in dict.fromkeys(presets.values()):
            written.check(_names(self.image_filters), by_slice=settings_of(chosen).by_slice)
        check_left(presets, _names(self.image_filters), framed=not masks)
        return tuple(
            (image, tuple(m for m in masks if m == image or m not in own) or masks, presets[image]) for image in images
        )

    def told(self, cases: Sequence[Case]) -> dict[str, object]:
        """Its parameters with what these cases decide written out: the same for any fold."""
        plan = self.plan(cases)
        masks = tuple(dict.fromkeys(mask for _, own, _ in plan for mask in own))
        return {
            "preset": tuple(f"{image}={chosen}" for image, _, chosen in plan),
            "image": tuple(image for image, _, _ in plan),
            "mask": masks or False,
            "regions": self.regions,
            "store": self.store,
            "image_filters": _names(self.image_filters),
        }

    def said(self, cases: Sequence[Case]) -> str:
        """The plan as a sentence."""
        plan = self.plan(cases)
        each = [
            f"{image} by preset {chosen} {'in mask ' + ' and '.join(masks) if masks else 'as a whole'}"
            for image, masks, chosen in plan
        ]
        as_they_are = [image for image, _, chosen in plan if self.standardise and has_unit(chosen)]
        each += [f"not standardised, as it has a unit: {image}" for image in as_they_are]
        responses = ", ".join(_names(self.image_filters))
        filtered = [image for image, _, chosen in plan if has_responses(chosen)]
        responses += f" of {' and '.join(filtered)}" if responses and len(filtered) < len(plan) else ""
        return f"Radiomics: {'; '.join(each)}{f'; and of responses to {responses}' if responses else ''}."

    def mixed(self, cases: Sequence[Case]) -> list[str]:
        """A sentence for each image of which one preset was taken for modalities that have different ones."""
        sources = [{s.name: s.modality for s in case.sources if s.role == IMAGE} for case in cases]
        found = (
            mixed(image, _names(self.preset), [own[image] for own in sources if image in own])
            for image, _, _ in self.plan(cases)
        )
        return [sentence for sentence in found if sentence]

    def faults(self, cases: Sequence[Case]) -> dict[str, IsocenterError]:
        """Cases that cannot be measured, by id; what can be is in the store then."""
        outcomes = self._rows(list(cases))
        pairs = zip(cases, outcomes, strict=True)
        return {case.case_id: named(case, outcome.fault) for case, outcome in pairs if outcome.fault is not None}

    def measured(self, cases: Sequence[Case]) -> pd.DataFrame:
        """What was met on the way, a row a case and image that can be measured.

        Columns case_id, image; voxels of its regions, on the image's grid; gaps, those of them that are NaN or infinite
        and so count in no intensity; lost, the share of the whole image that is; laid, 1 where a mask had another grid;
        labels, several ("1 7") that one mask has and that were taken for one region, else ""; features, how many there
        are here, and undefined, those without a value; own, features that most cases do not have (their commonest set),
        and lacking, those that they have and this one has not.
        """
        rows = []
        for image, _, outcomes in self._by_image(list(cases)):
            found = {
                case.case_id: outcome.get()
                for case, outcome in zip(cases, outcomes, strict=True)
                if outcome.fault is None
            }
            own = {case_id: unpacked(row) for case_id, row in found.items()}
            sets = Counter(frozenset(row) for row in own.values())
            usual = max(sets, key=lambda names: sets[names], default=frozenset())
            for case_id, row in found.items():
                met = {name: row.get(name, "" if name == "labels" else 0) for name in MET}
                names, empty = own[case_id].keys(), sum(np.isnan(value) for value in own[case_id].values())
                counts = {"features": len(names), "undefined": empty}
                counts |= {"own": len(names - usual), "lacking": len(usual - names)}
                rows.append({"case_id": case_id, "image": image, **met, **counts})
        return pd.DataFrame(rows, columns=["case_id", "image", *MET, "features", "undefined", "own", "lacking"])

    def _how(self, chosen: str) -> str | None:
        """The standardisation of images with this preset."""
        return None if has_unit(chosen) else self.standardise

    def _standards(self, cases: list[Case], image: str, chosen: str) -> list[Standard]:
        """What is done to each image first; before anything is learned (`faults`) nothing is."""
        if not hasattr(self, "scales_"):
            return [Standard()] * len(cases)
        return standards(cases, image, self._how(chosen), self.scales_[image], self.store)

    def _rows(self, cases: list[Case], way: str = "") -> list[Outcome[dict[str, float]]]:
        """One row a case, of all its images; its first fault where there is one. way: in which masks are perturbed.

        Raises UsageError for a filter that does not suit flat images, or volumes: it is what was asked for that is
        wrong. Once learned it is the case.
        """
        found: list[dict[str, float]] = [{} for _ in cases]
        faults: dict[int, IsocenterError] = {}
        for _, prefix, outcomes in self._by_image(cases, way):
            for i, outcome in enumerate(outcomes):
                if isinstance(outcome.fault, UsageError) and not hasattr(self, "names_"):
                    raise outcome.fault
                if outcome.fault is not None:
                    faults.setdefault(i, outcome.fault)
                else:
                    row = unpacked(outcome.get())
                    found[i] |= {prefix + name: value for name, value in row.items()} if prefix else row
        return [Outcome(fault=faults[i]) if i in faults else Outcome(row) for i, row in enumerate(found)]

    def _by_image(self, cases: list[Case], way: str = "") -> Iterator[tuple[str, str, list[Outcome[Row]]]]:
        """Each image, what its columns begin with, and a row of the store a case."""
        plan = self.plan_ if hasattr(self, "plan_") else self.plan(cases)
        for image, masks, chosen in plan:
            how = self._standards(cases, image, chosen)
            own = (image, masks, self.regions, settings_of(chosen), _names(self.image_filters))
            tasks = [Task(case, *own, one, way) for case, one in zip(cases, how, strict=True)]
            yield image, f"{image}_" if len(plan) > 1 else "", measured(tasks, self.store)


def _names(given: Names | bool) -> tuple[str, ...]:
    if given is None or isinstance(given, bool):
        return ()
    return (given,) if isinstance(given, str) else tuple(given)


def _names_of(rows: Sequence[Mapping[str, float]]) -> list[str]:
    """Of all rows, in the order of the longest; nearly always that has all of them."""
    found: dict[str, None] = {}
    for row in sorted(rows, key=len, reverse=True):
        if not row.keys() <= found.keys():
            found |= dict.fromkeys(row)
    return list(found)


def _tabled(rows: Sequence[Mapping[str, float]], names: Sequence[str]) -> NDArray[np.float64]:
    """(n, p), NaN where a row lacks a feature."""
    table = np.array([[row.get(name, np.nan) for name in names] for row in rows], dtype=np.float64)
    return table.reshape(len(rows), len(names))
