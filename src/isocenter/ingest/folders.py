"""Folders that say something: one a class, and train, val and test above them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from isocenter.errors import Fault
from isocenter.wording import listed

CLASS, PART = "class", "part"
PARTS = {
    "train": "training", "training": "training",
    "val": "tuning", "valid": "tuning", "validation": "tuning", "tuning": "tuning", "dev": "tuning",
    "test": "test", "testing": "test",
}  # fmt: skip
PART_NOTE = "Split given by the folders' names, kept as it is (column 'part')."
MOST_CLASSES = 50


@dataclass
class Folders:
    """What folders say of each image: columns `class` and perhaps `part`; broken: images outside of them."""

    columns: pd.DataFrame
    split: str | None = None
    broken: dict[str, Fault] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def parts(lying: Sequence[str]) -> list[str] | None:
    """The part of each image, if all lie in folders called train, val or test (at least two of them).

    lying: the folder of each image below INPUT, "" for INPUT itself.
    """
    found = [PARTS.get(folder.split("/")[0].lower()) for folder in lying]
    known = [f for f in found if f is not None]
    return known if len(known) == len(lying) and len(set(known)) > 1 else None


def read(lying: Sequence[str], index: pd.Index) -> Folders | None:
    """Class (and part) of each image from the folder it lies in; None where folders are no classes.

    lying: as `parts` takes it. Folders are classes if there are 2 to 50, and images are at least twice as many.
    """
    part = parts(lying)
    below = [folder.partition("/")[2] for folder in lying] if part else list(lying)
    names = pd.Series([folder.split("/")[0].strip() or None for folder in below], index=index, dtype="str")
    known = Counter(names.dropna())
    if not 2 <= len(known) <= MOST_CLASSES or 2 * len(known) > known.total():
        return None
    found = Folders(names.to_frame(CLASS))
    shown = listed((f"{name} ({n})" for name, n in sorted(known.items())), 10)
    found.notes.append(f"Class: the name of the folder an image lies in: {shown}.")
    if part is not None:
        found.columns[PART], found.split = part, PART
        found.notes.append(PART_NOTE)
    for case_id in names[names.isna()].index:
        reason = "The image lies beside the class folders, in none of them."
        found.broken[case_id] = Fault(case_id, "NoMatch", reason, "Move it into its class's folder.")
    return found
