"""Going through the splits of a design, and saying what that will cost."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from isocenter import progress
from isocenter.splitting.nouns import Design, Split


def walk(design: Design, what: str, splits: Sequence[Split] | None = None, *, told: bool = True) -> Iterator[Split]:
    """Each split in turn (`splits`: those that are left); once the first is done, says how long all will take.

    what: the method that is fitted on each; told: False emits progress only.
    """
    left = design.splits if splits is None else tuple(splits)
    began = time.perf_counter()
    for number, split in enumerate(progress.track(left, f"{what}: folds", len(left))):
        yield split
        if number == 0 and told and len(left) > 1:
            lasts = duration((time.perf_counter() - began) * len(left))
            done = len(design.splits) - len(left)
            more = f" ({done} are there already)" if done else ""
            progress.note(f"{shape(design)}: {len(left)} fits of {what}{more}, about {lasts}.")


def shape(design: Design) -> str:
    """A design in a few words: "kfold 5 x 10 repeats", "leave-one-out of 4 (site)", "holdout"."""
    folds = len(design.splits) // design.repeats
    if not design.several:
        return design.kind
    if design.group_column is not None:
        return f"{design.kind} of {folds} ({design.group_column})"
    return f"{design.kind} {folds}" + (f" x {design.repeats} repeats" if design.repeats > 1 else "")


def duration(seconds: float) -> str:
    """Seconds as a person says them: 8 s, 3 min, 2.5 h."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
