"""What the training images were like, and which new ones a model should refuse or doubt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from isocenter.errors import Fault, InputDoesNotFit

Range = tuple[float, float]
_LENGTHS = ("depth", "rows", "columns")
_SPACINGS = ("spacing_slice", "spacing_row", "spacing_column")
Words = tuple[str, str, str, str]  # "..., trained on CT", "... in training", "training had none", "This model takes CT"
TRAINED: Words = ("trained on", "in training", "training", "This model takes")
BESIDE: Words = ("the cases here are", "among the cases here", "the cases here", "The cases here are")
CLUSTERED: Words = ("clustered were", "among the clustered cases", "the clustered cases", "These clusters take")
SPACING_SLACK = 0.1  # spacings up to 10 % outside the training range pass without a word
RANGE_SLACK = 4.0  # images scaled to 0..1 lie within the margin of CT; what they span tells


@dataclass(frozen=True)
class Profile:
    """Learned from training cases only, carried by the model as plain values.

    modalities: DICOM codes seen ("" for unknown); volumes: True 3-D, False 2-D, None both seen;
    channels: numbers of channels seen; sizes, spacings: smallest and largest along (slice, row,
    column), spacings None where none had a physical size; minima, maxima: 1st and 99th percentile
    of the smallest and largest values of the images; ranges: of their differences; margin: how far
    outside minima and maxima is still like the training images.
    """

    modalities: tuple[str, ...]
    volumes: bool | None
    channels: tuple[int, ...]
    sizes: tuple[Range, ...]
    spacings: tuple[Range, ...] | None
    minima: Range
    maxima: Range
    ranges: Range
    margin: float

    @classmethod
    def of(cls, facts: pd.DataFrame) -> Profile:
        """The profile of these cases (`preparation.facts`, at least one row)."""
        deep = set((facts["depth"] > 1).tolist())
        measured = facts[facts["calibrated"]]
        minima, maxima = _percentiles(facts["minimum"]), _percentiles(facts["maximum"])
        return cls(
            modalities=tuple(sorted(set(facts["modality"].fillna("").tolist()))),
            volumes=deep.pop() if len(deep) == 1 else None,
            channels=tuple(sorted({int(n) for n in facts["channels"]})),
            sizes=tuple(_extremes(facts[name]) for name in _LENGTHS),
            spacings=tuple(_extremes(measured[name]) for name in _SPACINGS) if len(measured) else None,
            minima=minima,
            maxima=maxima,
            ranges=_percentiles(facts["maximum"] - facts["minimum"]),
            margin=0.5 * (maxima[1] - minima[0]),
        )

    def check(self, facts: pd.DataFrame, words: Words = TRAINED) -> tuple[dict[str, Fault], dict[str, str]]:
        """By case id: who is refused (another modality, dimension or colour), and what is odd about others.

        words: what the images are called that the profile is of.
        """
        refused: dict[str, Fault] = {}
        flags: dict[str, str] = {}
        for row in facts.reset_index().to_dict("records"):
            case_id = str(row["case_id"])
            if reason := self._refusal(row, words):
                remedy = f"{words[3]} {self}."
                refused[case_id] = Fault.of(case_id, InputDoesNotFit(f"{reason}.", remedy))
            elif odd := self._oddities(row, words):
                flags[case_id] = "; ".join(odd)
        return refused, flags

    def unlike(self, facts: pd.DataFrame) -> dict[str, str]:
        """By case id: in what a case that is laid beside these differs, what a model would refuse included."""
        refused, flags = self.check(facts, BESIDE)
        return flags | {case_id: fault.reason.rstrip(".") for case_id, fault in refused.items()}

    def __str__(self) -> str:
        names = ", ".join(name for name in self.modalities if name)
        kind = {True: "3-D volumes", False: "2-D images", None: "images"}[self.volumes]
        channels = " or ".join("grey" if n == 1 else "colour" if n == 3 else f"{n} channels" for n in self.channels)
        return f"{names or 'any modality'}, {kind}, {channels}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Profile:
        """The inverse of `to_dict`, also after JSON has made lists of the tuples."""
        return cls(**{name: _tuples(value) for name, value in data.items()})

    def _refusal(self, row: Mapping[Any, Any], words: Words) -> str:
        are = words[0]
        modality = _text(row["modality"])
        if modality and modality not in self.modalities and any(self.modalities):
            return f"modality {modality}, {are} {', '.join(m for m in self.modalities if m)}"
        if self.volumes is not None and (row["depth"] > 1) != self.volumes:
            one, others = ("3-D volume", "2-D images") if row["depth"] > 1 else ("2-D image", "3-D volumes")
            return f"a {one}, {are} {others}"
        if row["channels"] not in self.channels and not self._is_grey_among_colour(row):
            return f"{row['channels']} channels, {are} {' or '.join(map(str, self.channels))}"
        return ""

    def _is_grey_among_colour(self, row: Mapping[Any, Any]) -> bool:
        """A colour picture without colour is read as grey: odd, and no reason to refuse it."""
        return bool(row["channels"] == 1 and 3 in self.channels)

    def _oddities(self, row: Mapping[Any, Any], words: Words) -> list[str]:
        are, among, *_ = words
        modality = _text(row["modality"])
        odd = [f"modality {modality or 'unknown'} not seen {among}"] if modality not in self.modalities else []
        if row["channels"] not in self.channels:
            odd.append(f"grey, {are} colour")
        if lost := row.get("gaps"):
            odd.append(f"{lost:,} of {row['voxels']:,} voxels are NaN or infinite")
        odd += self._odd_values(row, among)
        size = [float(row[name]) for name in _LENGTHS]
        if any(not low <= n <= high for n, (low, high) in zip(size, self.sizes, strict=True)):
            odd.append(f"size {_product(size)}, {are} {self._span(self.sizes)}")
        return odd + self._odd_spacing(row, words)

    def _odd_values(self, row: Mapping[Any, Any], among: str) -> list[str]:
        odd = []
        for name, what, (low, high) in (("minimum", "smallest", self.minima), ("maximum", "largest", self.maxima)):
            if not low - self.margin <= row[name] <= high + self.margin:
                odd.append(f"{what} value {row[name]:.5g}, {among} {low:.4g} to {high:.4g}")
        width, (low, high) = row["maximum"] - row["minimum"], self.ranges
        if not odd and not low / RANGE_SLACK <= width <= high * RANGE_SLACK:
            odd.append(f"values span {width:.4g}, {among} {low:.4g} to {high:.4g}")
        return odd

    def _odd_spacing(self, row: Mapping[Any, Any], words: Words) -> list[str]:
        are, _, they, _ = words
        if bool(row["calibrated"]) != (self.spacings is not None):
            none = ("a", " none") if row["calibrated"] else ("no", "")
            return [f"has {none[0]} physical size, {they} had{none[1]}"]
        if self.spacings is None:
            return []
        spacing = [float(row[name]) for name in _SPACINGS]
        slack = 1 + SPACING_SLACK
        pairs = list(zip(spacing, self.spacings, strict=True))[0 if self.volumes is not False else 1 :]
        if all(low / slack <= length <= high * slack for length, (low, high) in pairs):
            return []
        return [f"spacing {_product(spacing)} mm, {are} {self._span(self.spacings)} mm"]

    @staticmethod
    def _span(ranges: tuple[Range, ...]) -> str:
        low, high = _product([r[0] for r in ranges]), _product([r[1] for r in ranges])
        return low if low == high else f"{low} to {high}"


def _percentiles(values: pd.Series[Any]) -> Range:
    low, high = np.percentile(values.to_numpy(np.float64), [1, 99])
    return float(low), float(high)


def _extremes(values: pd.Series[Any]) -> Range:
    return float(values.min()), float(values.max())


def _product(lengths: list[float]) -> str:
    return " x ".join(f"{length:.4g}" for length in lengths)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list | tuple) else value
