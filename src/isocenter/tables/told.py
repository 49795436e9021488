"""What was done to features, in words, from the plain values of a model's card (`refining.told`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_STANDARDISED = {
    "n4": "N4 bias field correction",
    "zscore": "the mean and standard deviation of the foreground",
    "nyul": "Nyul and Udupa's landmarks of the cases that were learned from",
}


def sentences(steps: Iterable[Mapping[str, Any]]) -> list[str]:
    """A sentence or two a step."""
    return [_sentence(step) + _of_unknown(step) for step in steps]


def _unknown(step: Mapping[str, Any]) -> int:
    """How many of the removed features the table of intraclass correlations says nothing of."""
    return int((step.get("unknown") or {}).get("removed", 0))


def _of_unknown(step: Mapping[str, Any]) -> str:
    if not (n := _unknown(step)):
        return ""
    subject, verb = ("1 feature", "was") if n == 1 else (f"{n} features", "were")
    return f" {subject} of which the table of --reliable has no value {verb} removed too{_named(step['unknown'], n)}."


def _named(step: Mapping[str, Any], gone: int) -> str:
    """The first of the removed features, and how many more."""
    names = [str(name) for name in step.get("names") or ()]
    more = gone - len(names)
    return (f": {', '.join(names)}" + (f" and {more} more" if more > 0 else "")) if names else ""


def _sentence(step: Mapping[str, Any]) -> str:
    if step["step"] == "standardise":
        done = [_STANDARDISED[part] for part in str(step["how"]).split("+")]
        return f"Intensities were standardised by {' and then '.join(done)}."
    if step["step"] == "harmonise":
        sites = ", ".join(f"{name} {n}" for name, n in step["sites"].items())
        to = f" to the reference site {step['reference']}" if step["reference"] else ""
        kept = f", preserving {', '.join(step['preserved'])}" if step["preserved"] else ""
        return f"Features were harmonised across {step['site']} by ComBat{to}{kept} ({sites} cases learned from)."
    gone, left = step["removed"] - _unknown(step), step["left"]
    why = {
        "missing": "missing in more than {share:.0%} of the cases",
        "constant": "with next to no variation",
        "perturbed": "with an intraclass correlation below {least:g} over perturbed masks of the training cases",
        "reliable": "with an intraclass correlation below {least:g}",
        "correlation": "correlated above {limit:g} with an earlier one",
    }
    if step["step"] == "select":
        how = {"mrmr": "minimum redundancy and maximum relevance", "univariate": "F statistics"}
        by = how.get(str(step["how"]), "the path of an elastic net")
        return f"Of {gone + left} features {left} were selected by {by} ({gone} removed)."
    subject, verb = ("1 feature", "was") if gone == 1 else (f"{gone} features", "were")
    return f"{subject} {why[step['step']].format(**step)} {verb} removed ({left} left){_named(step, gone)}."
