"""Radiomics of regions as IBSI defines them, from one or several named images and masks of a case."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from isocenter import formats
from isocenter.case import IMAGE, MASK, Case, Source
from isocenter.compute import Outcome
from isocenter.errors import EmptyRegion, IsocenterError, NothingLeft, UsageError
from isocenter.features import perturbed
from isocenter.features.base import FeatureStep, case_index, values
from isocenter.features.regions import MEAN, ONE, Region, check_way, regions_of, whole
from isocenter.features.standard import Standard, learned_scale, standards
from isocenter.image import Image
from isocenter.imaging.gaps import gaps
from isocenter.imaging.intensity import grey
from isocenter.imaging.shape import plane_shape
from isocenter.preparation import image_source, mask_source, per_case
from isocenter.preparation.cases import named
from isocenter.preparation.grids import agree
from isocenter.radiomics import Settings, extract
from isocenter.radiomics.filters import written
from isocenter.radiomics.written import settings_of
from isocenter.store import Row

VERSION = 2  # of the values; raise it when they change
_MET = ("voxels", "gaps", "lost", "laid")  # what a row tells beside its features

# What grows with the number of voxels, or is made of the extremes or the largest runs and zones. Of whole images that
# is their size, which scanner and protocol choose: a model would learn those. A test holds the list against noise of
# two sizes. PyRadiomics' names are there too.
_GROWS = re.compile(
    r"stat_energy|ivh_v90|ih_(max|min)_grad|(rlm|szm|ngl)_(glnu|rlnu|zsnu|dcnu)_[23].*|ngt_(coarseness|busyness|strength)_.*"
    r"|dzm_.*|(rlm|szm)_(lre|lrlge|lrhge|rl_var|lze|lzlge|lzhge|zs_var)_.*"
    r"|(original_)?(firstorder_(Total)?Energy|ngtdm_(Coarseness|Busyness|Strength)|glrlm_(LongRun.*|RunVariance)"
    r"|(glrlm|glszm|gldm)_(GrayLevel|RunLength|SizeZone|Dependence)NonUniformity|glszm_(LargeArea.*|ZoneVariance))"
)
_NEEDS_SPACE = ("morphology", "autocorrelation", "local")  # nor has an image's frame a shape that tells
_BY_CODE = {"CT": "ct", "PT": "pet", "MR": "mr"}
_BY_NAME = (
    ("pet", re.compile(r"pet|suv|fdg", re.IGNORECASE)),
    ("ct", re.compile(r"(^|[^a-z])ct([^a-z]|$)", re.IGNORECASE)),
)
WITH_UNIT = ("ct", "pet")  # Hounsfield units, standardised uptake values
SCALE_FREE = "mr"  # equal bins within 3 standard deviations: for numbers without a unit

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
        self.names_ = list(dict.fromkeys(name for row in sorted(rows, key=len, reverse=True) for name in row))
        self.unreliable_ = 0
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
        self.unreliable_ = int((~good).sum())
        self.names_ = [name for name, stays in zip(self.names_, good, strict=True) if stays]

    def transform(self, X: list[Case]) -> pd.DataFrame:
        """(n, features) float64. Raises the first case's fault."""
        check_is_fitted(self, "names_")
        rows = values(X, self._rows(X))
        table = _tabled(rows, self.names_)
        return pd.DataFrame(table, index=case_index(X), columns=pd.Index(self.names_, dtype="str"))

    def plan(self, cases: Sequence[Case]) -> tuple[tuple[str, tuple[str, ...], str], ...]:
        """Image, its masks and its preset, each. UsageError for presets, filters and needed masks that do not exist."""
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
        as_they_are = [image for image, _, chosen in plan if self.standardise and _has_unit(chosen)]
        each += [f"not standardised, as it has a unit: {image}" for image in as_they_are]
        responses = ", ".join(_names(self.image_filters))
        return f"Radiomics: {'; '.join(each)}{f'; and of responses to {responses}' if responses else ''}."

    def faults(self, cases: Sequence[Case]) -> dict[str, IsocenterError]:
        """Cases that cannot be measured, by id; what can be is in the store then."""
        outcomes = self._rows(list(cases))
        pairs = zip(cases, outcomes, strict=True)
        return {case.case_id: named(case, outcome.fault) for case, outcome in pairs if outcome.fault is not None}

    def measured(self, cases: Sequence[Case]) -> pd.DataFrame:
        """What was met on the way, a row a case and image that can be measured.

        Columns case_id, image; voxels of its regions, on the image's grid; gaps, those of them that are NaN or infinite
        and so count in no intensity; lost, the share of the whole image that is; laid, 1 where a mask had another grid.
        """
        rows = [
            {"case_id": case.case_id, "image": image, **{name: outcome.get().get(name) or 0 for name in _MET}}
            for image, _, outcomes in self._by_image(list(cases))
            for case, outcome in zip(cases, outcomes, strict=True)
            if outcome.fault is None
        ]
        return pd.DataFrame(rows, columns=["case_id", "image", *_MET])

    def _how(self, chosen: str) -> str | None:
        """The standardisation of images with this preset."""
        return None if _has_unit(chosen) else self.standardise

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
                    found[i] |= {prefix + name: value for name, value in _unpacked(outcome.get()).items()}
        return [Outcome(fault=faults[i]) if i in faults else Outcome(row) for i, row in enumerate(found)]

    def _by_image(self, cases: list[Case], way: str = "") -> Iterator[tuple[str, str, list[Outcome[Row]]]]:
        """Each image, what its columns begin with, and a row of the store a case."""
        plan = self.plan_ if hasattr(self, "plan_") else self.plan(cases)
        for image, masks, chosen in plan:
            how = self._standards(cases, image, chosen)
            own = (image, masks, self.regions, settings_of(chosen), _names(self.image_filters))
            tasks = [_Task(case, *own, one, way) for case, one in zip(cases, how, strict=True)]
            yield image, f"{image}_" if len(plan) > 1 else "", _measured(tasks, self.store)


def presets_of(images: Sequence[str], given: Sequence[str], codes: Mapping[str, str | None]) -> dict[str, str]:
    """The preset of each image; UsageError for one that does not exist, or that no image takes."""
    pairs = [_whose(text) for text in given]
    for name, chosen in pairs:
        settings_of(chosen)
        if name and name not in images:
            raise UsageError(f"There is no image '{name}' for its preset.", f"Images: {', '.join(images)}.")
    of_all = [chosen for name, chosen in pairs if not name]
    own = {name: chosen for name, chosen in pairs if name}
    if len(of_all) > 1:
        raise UsageError(f"Several presets: {', '.join(of_all)}.", "Say whose each is: --preset IMAGE=PRESET.")
    return {name: own.get(name) or (of_all[0] if of_all else _guessed(name, codes.get(name))) for name in images}


def _whose(text: str) -> tuple[str, str]:
    """Image ("": of all) and preset; what comes after the first colon are keys of the preset."""
    head, colon, keys = text.partition(":")
    name, equals, chosen = head.partition("=")
    return (name, chosen + colon + keys) if equals else ("", text)


def _has_unit(chosen: str) -> bool:
    return chosen.partition(":")[0] in WITH_UNIT


def _guessed(name: str, code: str | None) -> str:
    if code:
        return _BY_CODE.get(code, SCALE_FREE)
    return next((chosen for chosen, pattern in _BY_NAME if pattern.search(name)), SCALE_FREE)


def _names(given: Names | bool) -> tuple[str, ...]:
    if given is None or isinstance(given, bool):
        return ()
    return (given,) if isinstance(given, str) else tuple(given)


@dataclass(frozen=True)
class _Task:
    """One image of one case with its masks, small enough to send to another process."""

    case: Case
    image: str
    masks: tuple[str, ...]
    regions: str
    settings: Settings
    filters: tuple[str, ...]
    standard: Standard
    way: str = ""

    def sources(self) -> tuple[Source, ...]:
        """Raises where the case lacks one."""
        masks = [mask_source(self.case, name) for name in self.masks]
        return (image_source(self.case, self.image), *(source for source in masks if source is not None))


def _measured(tasks: list[_Task], store: str | None) -> list[Outcome[Row]]:
    """Rows through the store; a case without its image or mask is a fault of its own."""
    outcomes: list[Outcome[Row]] = [Outcome() for _ in tasks]
    sources: dict[int, tuple[Source, ...]] = {}
    for i, task in enumerate(tasks):
        try:
            sources[i] = task.sources()
        except IsocenterError as fault:
            outcomes[i] = Outcome(fault=fault)
    if sources:
        first = tasks[0]
        parameters = {**asdict(first.settings), "filters": first.filters, "regions": first.regions}
        parameters |= first.standard.parameters | ({"perturbed": first.way} if first.way else {})
        wanted, stage = [tasks[i] for i in sources], f"radiomics of {tasks[0].image}"
        keys = list(sources.values())
        rows = per_case("radiomics", VERSION, parameters, _measure, wanted, keys, store=store, stage=stage)
        for i, row in zip(sources, rows, strict=True):
            outcomes[i] = row
    return outcomes


def _measure(task: _Task) -> Row:
    image_file, *mask_files = task.sources()
    image = task.standard.applied(formats.read_image(image_file, gaps=True))
    masks = [(source.name, formats.read_mask(source)) for source in mask_files]
    regions = regions_of(masks, image.geometry, task.regions) if masks else [whole(image.geometry.shape)]
    if task.way:
        geometry = image.geometry
        regions = [perturbed.perturbed(one, geometry.shape, geometry.spacing, task.way) for one in regions]
    found: dict[str, float] = {}
    for prefix, pixels in _channels(image):
        measured = _of_regions(pixels, regions, image, task, framed=not masks)
        found |= {prefix + name: value for name, value in measured.items()}
    row: Row = {"names": "\n".join(found), "values": np.array(list(found.values()), dtype="<f8").tobytes()}
    return row | _met(image, regions) | {"laid": int(any(not agree(m.geometry, image.geometry) for _, m in masks))}


def _met(image: Image, regions: Sequence[Region]) -> Row:
    """Voxels of the regions, and how many of them, and what share of the image, have no value in some channel."""
    voxels = sum(int(one.mask.sum()) for one in regions)
    if (lost := gaps(image.array)) is None:
        return {"voxels": voxels, "gaps": 0, "lost": 0.0}
    inside = sum(int((lost[:, *one.place].any(axis=0) & one.mask).sum()) for one in regions)
    return {"voxels": voxels, "gaps": inside, "lost": float(lost.mean())}


def _tabled(rows: Sequence[Mapping[str, float]], names: Sequence[str]) -> NDArray[np.float64]:
    """(n, p), NaN where a row lacks a feature."""
    table = np.array([[row.get(name, np.nan) for name in names] for row in rows], dtype=np.float64)
    return table.reshape(len(rows), len(names))


def _unpacked(row: Row) -> dict[str, float]:
    content = row["values"]
    assert isinstance(content, bytes)
    return dict(zip(str(row["names"]).split("\n"), np.frombuffer(content, dtype="<f8").tolist(), strict=True))


def _channels(image: Image) -> list[tuple[str, NDArray[np.generic]]]:
    """Grey, also of colour; what has other channels (sequences in one file) has features of each."""
    if len(image.array) in (1, 3):
        return [("", grey(image.array))]
    return [(f"c{i + 1}_", channel) for i, channel in enumerate(image.array)]


def _of_regions(
    pixels: NDArray[np.generic], regions: Sequence[Region], image: Image, task: _Task, *, framed: bool
) -> dict[str, float]:
    """Of each region, or their mean; one that vanishes on the new grid is left out as long as another is there."""
    settings = _suited(task.settings, task.filters, image, framed=framed)
    each: dict[str, dict[str, float]] = {}
    fault: EmptyRegion | None = None
    for region in regions:
        try:
            found = extract(pixels, region.mask, image.geometry.spacing, settings, place=region.place)
        except EmptyRegion as empty:
            if task.regions == ONE:
                raise
            fault = empty
            continue
        if framed:
            found = {name: value for name, value in found.items() if not _grows(name, settings)}
        elif image.geometry.shape[0] == 1:
            found |= _flat_shape(pixels, region, image)
        each[region.name] = found
    if not each:
        raise fault or EmptyRegion("No region is left.", "Leave the case out.")
    if task.regions == MEAN:
        return {"regions": float(len(each)), **_mean(list(each.values()))}
    return {f"{name}_{key}" if name else key: value for name, found in each.items() for key, value in found.items()}


def _grows(name: str, settings: Settings) -> bool:
    """Whether a feature, of the intensities or of a response, tells how large the image is."""
    beginnings = ("", *(f"{chosen.label}_" for chosen in settings.filters))
    return any(_GROWS.fullmatch(name.removeprefix(start)) for start in beginnings)


def _suited(settings: Settings, filters: tuple[str, ...], image: Image, *, framed: bool) -> Settings:
    """For pictures and for whole images: their grid is kept, and what speaks of space or of the frame goes."""
    flat = image.geometry.shape[0] == 1
    settings = replace(settings, filters=written.filters_of(filters, by_slice=settings.by_slice or flat))
    without = _NEEDS_SPACE if flat or framed else ()
    families = tuple(family for family in settings.families if family not in without)
    if not flat:
        spacing = settings.spacing if image.geometry.calibrated else None
        return replace(settings, families=families, spacing=spacing)
    plane = "2_5D" if settings.names == "pyradiomics" else "2D"  # of one slice they are the same
    aggregations = tuple(dict.fromkeys(f"{plane}_{one.rpartition('_')[2]}" for one in settings.aggregations))
    return replace(settings, families=families, spacing=None, by_slice=True, aggregations=aggregations)


def _flat_shape(pixels: NDArray[np.generic], region: Region, image: Image) -> dict[str, float]:
    inside = pixels[region.place][region.mask]
    return plane_shape(region.mask[0], inside, image.geometry.spacing[1:])


def _mean(each: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Of each feature, over the regions that have it."""
    table = np.array([[row.get(name, np.nan) for name in each[0]] for row in each])
    known = ~np.isnan(table)
    total = np.where(known, table, 0.0).sum(axis=0)
    mean = np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)
    return dict(zip(each[0], mean.tolist(), strict=True))
