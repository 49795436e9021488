"""When too much, or too much of one class, was left out to go on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations

from isocenter.auditing.audit import Audit
from isocenter.cohort import Cohort
from isocenter.errors import REQUESTED, TooManyExcluded
from isocenter.metrics.intervals import wilson

# Where these come from: the project's reliability table.
SHARE, AT_LEAST = 0.05, 3  # more than this share of the cases, and at least so many
DIFFERENCE = 0.02  # in the share left out, between two classes
_REMEDY = "Look at the list of excluded cases and mend them, or go on with --allow-excluded."


def check_exclusions(audit: Audit, cohort: Cohort, allow: bool = False) -> tuple[str, ...]:
    """Sentences about limits that were passed, where that is allowed; TooManyExcluded where not.

    What the user left out by name (code `REQUESTED`) and cases without a target do not count.
    That anything at all was left out is always among `audit.warnings`.
    """
    # Labels are not compared: the cases of one are not apart from those of another.
    classes = cohort.target.classes if cohort.target is not None and cohort.target.is_classes else ()
    reasons = tuple(_reasons(audit, classes))
    if reasons and not allow:
        raise TooManyExcluded(" ".join(reasons), _REMEDY)
    return reasons


def _reasons(audit: Audit, classes: tuple[str, ...]) -> Iterator[str]:
    lost = [fault for fault in audit.excluded if fault.code != REQUESTED]
    found = audit.used + len(lost)
    if len(lost) >= AT_LEAST and len(lost) > SHARE * found:
        yield f"{len(lost)} of {found} cases ({len(lost) / found:.1%}) are left out; the limit is {SHARE:.0%}."
    left_out = {name: sum(fault.label == name for fault in lost) for name in classes}
    for a, b in combinations(classes, 2):
        low, high = sorted((a, b), key=lambda name: _share(left_out[name], audit.classes.get(name, 0)))
        few, many = (left_out[name] for name in (low, high))
        n_few, n_many = (left_out[name] + audit.classes.get(name, 0) for name in (low, high))
        if n_few and n_many and many / n_many - few / n_few > DIFFERENCE and lower_limit(many, n_many, few, n_few) > 0:
            yield (
                f"More cases are left out of class {high} ({many} of {n_many}) than of {low} ({few} of {n_few}): "
                "what is left may differ from what was found."
            )


def _share(out: int, used: int) -> float:
    return out / (out + used) if out + used else 0.0


def lower_limit(x1: int, n1: int, x2: int, n2: int) -> float:
    """Lower 95 % limit of x1/n1 - x2/n2 from two Wilson intervals (Newcombe, Stat Med 1998, method 10)."""
    p1, p2 = x1 / n1, x2 / n2
    return p1 - p2 - math.hypot(p1 - wilson(x1, n1).low, wilson(x2, n2).high - p2)
