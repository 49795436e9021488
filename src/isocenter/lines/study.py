"""A study before its numbers: cohort, target, split, models, and where things were written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

_SHOWN_FAULTS = 10


def cohort(cohort: dict[str, Any], _: dict[str, Any]) -> Iterator[str]:
    """How many cases were found, used and left out, and the first of those with their reasons."""
    excluded, unlabelled = cohort["excluded"], cohort["unlabelled"]
    patients = f" of {cohort['patients']} patients" if cohort.get("patients") else ""
    yield (
        f"Cohort    {cohort['found']} cases found = {cohort['used']} used{patients} + {len(excluded)} excluded "
        f"+ {unlabelled} without a target"
    )
    for fault in excluded[:_SHOWN_FAULTS]:
        yield f"            {fault['where']}: {fault['code']}: {fault['reason']} {fault['remedy']}".rstrip()
    if len(excluded) > _SHOWN_FAULTS:
        yield f"            ... and {len(excluded) - _SHOWN_FAULTS} more, all in audit.json"


def target(target: dict[str, Any], _: dict[str, Any]) -> Iterator[str]:
    """The target's column and task, cases of each class, and how it was read."""
    classes = ", ".join(f"{name} {n}" for name, n in target["classes"].items())
    yield f"Target    {target['column']} ({target['task']}){': ' + classes if classes else ''}"
    if target["how"]:
        yield f"            {target['how']}"


def listed(title: str) -> Callable[[Any, dict[str, Any]], Iterator[str]]:
    """Shows texts a line each, behind `title`."""

    def lines(texts: list[str], _: dict[str, Any]) -> Iterator[str]:
        for text in texts:
            yield f"{title:<10}{text}"

    return lines


def groups(title: str) -> Callable[[Any, dict[str, Any]], Iterator[str]]:
    """Shows how many groups of cases there are, and the first."""

    def lines(groups: list[list[str]], _: dict[str, Any]) -> Iterator[str]:
        yield f"{title}: {len(groups)} group{'s' * (len(groups) != 1)}, for instance {' = '.join(map(str, groups[0]))}"

    return lines


def parts(parts: dict[str, int], result: dict[str, Any]) -> Iterator[str]:
    """Cases of each part or fold, and how they were made."""
    folds = result["design"]["splits"]
    told = (
        ", ".join(f"{n} {name}" for name, n in parts.items() if n)
        if folds == 1
        else f"{folds} folds of {parts['test']}"
    )
    yield f"Split     {told} cases"
    yield f"            {result['how']}"


def models(models: dict[str, Any], _: dict[str, Any]) -> Iterator[str]:
    """A line a fitted model: features, parameters, how it decides."""
    for name, model in models.items():
        told = ", ".join(f"{k}={v}" for k, v in model["parameters"].items())
        kind = "floor" if model["role"] == "floor" else "+".join(model["features"])
        untested = "" if model.get("tested", True) else " on every case, not itself tested"
        decides = _decides(model.get("decision") or {})
        yield f"Fitted    {name} ({kind}{'; ' + told if told else ''}){untested}{decides}"


def _decides(decision: dict[str, Any]) -> str:
    """How it comes to one answer a patient, and to a class, where that is not the plain way."""
    from isocenter.model import choices  # numpy and pandas, which the command line's start does without

    said = choices(decision)
    return f"; {', '.join(said)}, chosen on tuning data" if said else ""


def predicted(path: str, result: dict[str, Any]) -> Iterator[str]:
    """How many were predicted, refused and flagged, and where the table is."""
    unit = " patients" if result["by_image"] else ""
    yield f"{result['predicted']}{unit} predicted, {result['refused']} refused, {result['flagged']} flagged"
    others = [flag for flag in result["flags"] if not flag.startswith("refused")]
    for some in (result["refusals"], others):
        for told in some[:_SHOWN_FAULTS]:
            yield f"            {told}"
        if len(some) > _SHOWN_FAULTS:
            yield f"            ... and {len(some) - _SHOWN_FAULTS} more, all in {path}"
    yield f"Written   {path}" + (f" (by patient) and {result['by_image']}" if result["by_image"] else "")


def report(path: str, _: dict[str, Any]) -> Iterator[str]:
    """Where the report is."""
    yield ""
    yield f"Report    {path}"


def sample(sample: dict[str, Any], _: dict[str, Any]) -> Iterator[str]:
    """The verdict on the sample size."""
    yield f"Sample    {sample['summary']}"


def paper(path: str, _: dict[str, Any]) -> Iterator[str]:
    """Where the folder of the paper is."""
    yield f"Written   {path} (README.txt there says what each file is)"
