"""The smallest nouns: a file on disk with its role, and one labelled row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

IMAGE, MASK = "image", "mask"


@dataclass(frozen=True, slots=True)
class Source:
    """One image or mask on disk; never its pixels.

    role: "image" or "mask"; name: "image", "PET", "tumour"...; files: in slice order;
    index: row inside an array file, or None; member: the array's name inside an .npz or .mat;
    modality: DICOM code (CT, MR, US, DX...); time: seconds, in a series of times.
    """

    role: str
    name: str
    files: tuple[str, ...]
    index: int | None = None
    member: str | None = None
    modality: str | None = None
    study_uid: str | None = None
    series_uid: str | None = None
    time: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One labelled row. A list of cases is a valid scikit-learn `X`.

    attributes: the other columns of the table (age, sex, site...); never the target.
    Equality and hash are those of `case_id`.
    """

    case_id: str
    patient_id: str | None = None
    sources: tuple[Source, ...] = ()
    attributes: Mapping[str, object] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Case) and other.case_id == self.case_id

    def __hash__(self) -> int:
        return hash(self.case_id)

    def source(self, role: str, name: str | None = None) -> Source | None:
        """The first source of this role (and name), or None."""
        for source in self.sources:
            if source.role == role and name in (None, source.name):
                return source
        return None
