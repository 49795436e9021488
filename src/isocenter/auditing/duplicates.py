"""The same pixels twice, the same row twice, and what two parts of a split share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter.cohort import PATIENT, Cohort

Groups = tuple[tuple[str, ...], ...]
_BLOCK = 1 << 16  # rows hashed together: small enough for the processor's cache
_PRIME = np.uint64(0x9E3779B97F4A7C15)  # odd, its bits well spread
_FOLD = np.uint64(29)


def identical_pixels(digests: pd.Series) -> Groups:
    """Case ids with the same digest (index case_id), each group and the groups in sorted order."""
    known = digests.dropna()
    shared = known[known.duplicated(keep=False)]
    groups: dict[str, list[str]] = {}
    for case_id, digest in shared.items():
        groups.setdefault(str(digest), []).append(str(case_id))
    return tuple(sorted(tuple(sorted(ids)) for ids in groups.values()))


def identical_rows(features: pd.DataFrame) -> Groups:
    """Case ids with equal values in every column of `features` (float64, NaN equals NaN).

    Rows are found by a 64-bit hash and then compared byte by byte, so no group is by chance.
    """
    if features.shape[1] == 0:
        return ()
    hashes = pd.Series(row_hashes(features))
    candidates = np.flatnonzero(hashes.duplicated(keep=False))
    values = features.iloc[candidates].to_numpy(dtype=np.float64) + 0.0
    values[np.isnan(values)] = np.nan  # one NaN for all
    found: dict[bytes, list[str]] = {}
    for case_id, row in zip(features.index[candidates], values, strict=True):
        found.setdefault(row.tobytes(), []).append(str(case_id))
    return tuple(sorted(tuple(sorted(ids)) for ids in found.values() if len(ids) > 1))


def row_hashes(features: pd.DataFrame) -> NDArray[np.uint64]:
    """(n,) hashes; the order of columns counts, -0.0 is 0.0."""
    hashes = np.zeros(len(features), dtype=np.uint64)
    columns = [features.iloc[:, i].to_numpy(dtype=np.float64) for i in range(features.shape[1])]
    for start in range(0, len(features), _BLOCK):
        block = hashes[start : start + _BLOCK]
        for column in columns:
            values = column[start : start + _BLOCK] + 0.0
            values[np.isnan(values)] = np.nan
            block ^= values.view(np.uint64)
            block *= _PRIME
            block ^= block >> _FOLD
    return hashes


def conflicting(groups: Groups, target: pd.Series) -> Groups:
    """The groups whose cases differ in the target (index case_id)."""
    return tuple(ids for ids in groups if target.loc[list(ids)].nunique() > 1)


@dataclass(frozen=True, slots=True)
class Overlap:
    """What two parts share, or what is in one part twice (`first` equals `second`).

    images: bit-identical images, each counted once however often it occurs; patients: known
    patients in both parts, 0 within one; cases: the case ids of `second` that are concerned.
    """

    first: str
    second: str
    images: int
    patients: int
    cases: tuple[str, ...]

    def sentence(self) -> str:
        """For people: "1 image is in both training and test."."""
        if self.first == self.second:
            return f"{_count(self.images, 'image occurs', 'images occur')} more than once inside {self.first}."
        said = [(self.images, ("image", "images")), (self.patients, ("patient", "patients"))]
        named = " and ".join(_count(n, *words) for n, words in said if n)
        return f"{named} {'is' if self.images + self.patients == 1 else 'are'} in both {self.first} and {self.second}."


def overlaps(
    cohort: Cohort, duplicates: Sequence[Sequence[str]], parts: Mapping[str, Sequence[str]]
) -> tuple[Overlap, ...]:
    """What every two parts share, and what each holds twice; pairs that share nothing are left out.

    duplicates: groups of case ids with the same pixels; parts: part name -> its case ids.
    """
    pixels = {str(case_id): number for number, ids in enumerate(duplicates) for case_id in ids}
    known = cohort.table[PATIENT].dropna()
    patients = {str(case_id): str(patient) for case_id, patient in known.items()}
    found = (_overlap(a, b, parts, pixels, patients) for a, b in combinations_with_replacement(parts, 2))
    return tuple(one for one in found if one.images or one.patients)


def _overlap(
    first: str, second: str, parts: Mapping[str, Sequence[str]], pixels: Mapping[str, int], patients: Mapping[str, str]
) -> Overlap:
    if first == second:
        numbers = pd.Series([pixels[c] for c in parts[first] if c in pixels], dtype=np.int64)
        images = set(numbers[numbers.duplicated()])
        persons: set[str] = set()
    else:
        images = set.intersection(*({pixels[c] for c in parts[part] if c in pixels} for part in (first, second)))
        persons = set.intersection(*({patients[c] for c in parts[part] if c in patients} for part in (first, second)))
    cases = (c for c in parts[second] if pixels.get(c) in images or patients.get(c) in persons)
    return Overlap(first, second, len(images), len(persons), tuple(cases))


def leaked(found: Sequence[Overlap], test: str = "test") -> tuple[str, ...]:
    """Test cases that share a patient or pixels with another part, each once."""
    cases = (c for one in found if one.second == test != one.first for c in one.cases)
    return tuple(dict.fromkeys(cases))


def _count(n: int, one: str, several: str) -> str:
    return f"{n} {one if n == 1 else several}"
