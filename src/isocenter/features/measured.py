"""One image of one case measured: which regions, which features suit it, and what was met on the way."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import cast

import numpy as np
from numpy.typing import NDArray

from isocenter import compute, formats
from isocenter.case import Case, Source
from isocenter.compute import Outcome
from isocenter.errors import EmptyRegion, IsocenterError, UsageError
from isocenter.features import perturbed
from isocenter.features.regions import MEAN, ONE, Region, regions_of, whole
from isocenter.features.standard import Standard
from isocenter.image import Image, Mask
from isocenter.imaging.gaps import gaps
from isocenter.imaging.intensity import grey
from isocenter.imaging.shape import plane_shape
from isocenter.preparation import image_source, mask_source, per_case
from isocenter.preparation.grids import agree
from isocenter.radiomics import Settings, extract
from isocenter.radiomics.filters import written
from isocenter.store import Row

VERSION = 2  # of the values; raise it when they change
MET = ("voxels", "gaps", "lost", "laid", "labels")  # what a row tells beside its features

# What grows with the number of voxels, or is made of the extremes or the largest runs and zones. Of whole images that
# is their size, which scanner and protocol choose: a model would learn those. A test holds the list against noise of
# two sizes. PyRadiomics' names are there too.
_GROWS = re.compile(
    r"stat_energy|ivh_v90|ih_(max|min)_grad|(rlm|szm|ngl)_(glnu|rlnu|zsnu|dcnu)_[23].*|ngt_(coarseness|busyness|strength)_.*"
    r"|dzm_.*|(rlm|szm)_(lre|lrlge|lrhge|rl_var|lze|lzlge|lzhge|zs_var)_.*"
    r"|(original_)?(firstorder_(Total)?Energy|ngtdm_(Coarseness|Busyness|Strength)|glrlm_(LongRun.*|RunVariance)"
    r"|(glrlm|glszm|gldm)_(GrayLevel|RunLength|SizeZone|Dependence)NonUniformity|glszm_(LargeArea.*|ZoneVariance))"
)


@dataclass(frozen=True)
class Task:
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


def measured(tasks: list[Task], store: str | None) -> list[Outcome[Row]]:
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
        rows = per_case("radiomics", VERSION, parameters, measure, wanted, keys, store=store, stage=stage)
        for i, row in zip(sources, rows, strict=True):
            outcomes[i] = row
    return outcomes


def measure(task: Task) -> Row:
    """The features of one image of one case, and what was met on the way (`MET`). Raises the fault of the case."""
    image, masks = _read(task)
    regions = regions_of(masks, image.geometry, task.regions) if masks else [whole(image.geometry.shape)]
    if task.way:
        geometry = image.geometry
        regions = [perturbed.perturbed(one, geometry.shape, geometry.spacing, task.way) for one in regions]
    found: dict[str, float] = {}
    for prefix, pixels in _channels(image):
        own = _of_regions(pixels, regions, image, task, framed=not masks)
        found |= {prefix + name: value for name, value in own.items()}
    if not found:  # what is flat, or has other ways of joining directions, is known only now
        raise UsageError(f"The settings leave nothing to measure of {task.image}.", "Name other families in --preset.")
    row: Row = {"names": "\n".join(found), "values": np.array(list(found.values()), dtype="<f8").tobytes()}
    return row | _met(image, regions) | {"laid": int(any(not agree(m.geometry, image.geometry) for _, m in masks))}


def _read(task: Task) -> tuple[Image, list[tuple[str, Mask]]]:
    """The image, and the masks by name: side by side, for inflating them is what a small region costs."""
    image_file, *mask_files = task.sources()

    def prepared() -> Image:
        return task.standard.applied(formats.read_image(image_file, gaps=True))

    reading: list[Callable[[], Image | Mask]] = [prepared, *(partial(formats.read_mask, one) for one in mask_files)]
    image, *masks = compute.together(reading)
    return cast(Image, image), [(one.name, cast(Mask, mask)) for one, mask in zip(mask_files, masks, strict=True)]


def _met(image: Image, regions: Sequence[Region]) -> Row:
    """Voxels of the regions, and how many of them, and what share of the image, have no value in some channel; labels
    that a mask has several of and that were taken for one."""
    voxels = sum(int(one.mask.sum()) for one in regions)
    merged = " ".join(map(str, sorted({label for one in regions for label in one.labels})))
    if (lost := gaps(image.array)) is None:
        return {"voxels": voxels, "gaps": 0, "lost": 0.0, "labels": merged}
    inside = sum(int((lost[:, *one.place].any(axis=0) & one.mask).sum()) for one in regions)
    return {"voxels": voxels, "gaps": inside, "lost": float(lost.mean()), "labels": merged}


def unpacked(row: Row) -> dict[str, float]:
    """A row's features by name."""
    content = row["values"]
    assert isinstance(content, bytes)
    return dict(zip(str(row["names"]).split("\n"), np.frombuffer(content, dtype="<f8").tolist(), strict=True))


def _channels(image: Image) -> list[tuple[str, NDArray[np.generic]]]:
    """Grey, also of colour; what has other channels (sequences in one file) has features of each."""
    if len(image.array) in (1, 3):
        return [("", grey(image.array))]
    return [(f"c{i + 1}_", channel) for i, channel in enumerate(image.array)]


def _of_regions(
    pixels: NDArray[np.generic], regions: Sequence[Region], image: Image, task: Task, *, framed: bool
) -> dict[str, float]:
    """Of each region, or their mean; one that vanishes on the new grid is left out as long as another is there."""
    flat = image.geometry.shape[0] == 1
    filters = written.filters_of(task.filters, by_slice=task.settings.by_slice or flat)
    settings = replace(task.settings, filters=filters)
    settings = settings.suited(flat=flat, framed=framed, calibrated=image.geometry.calibrated)
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
        elif flat:
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
