"""A study before its numbers: cohort, target, split, models, and where things were written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

_SHOWN_FAULTS = 10


def cohort(cohort: dict[str, Any], _: dict[str, Any]) -> Iterator[str]:
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
    classes = ", ".join(f"{name} {n}" for name, n in target["classes"].items())
    yield f"Target    {target['column']} ({target['task']}){': ' + classes if classes else ''}"
    if target["how"]:
        yield f"            {target['how']}"


def listed(title: str) -> Callable[[Any, dict[str, Any]], Iterator[str]]:
    def lines(texts: list[str], _: dict[str, Any]) -> Iterator[str]:
        for text in texts:
            yield f"{title:<10}{text}"

    return lines


def groups(title: str) -> Callable[[Any, dict[str, Any]], Iterator[str]]:
    def lines(groups: list[list[str]], _: dict[str, Any]) -> Iterator[str]:
        yield f"{title}: {len(groups)} group{'s' * (len(groups) != 1)}, for instance {' = '.join(map(str, groups[0]))}"

    return lines


def parts(parts: dict[str, int], result: dict[str, Any]) -> Iterator[str]:
    folds = result["design"]["splits"]
    told = (
        ", ".join(f"{n} {name}" for name, n in parts.items() if n)
        if folds == 1
        else f"{folds} folds of {parts['test']}"
    )
    yield f"Split     {told} cases"
    yield f"            {result['how']}"


def models(models: dict[str, Any], _: dict[str, Any]) -> Iterator[str]:
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
    unit = " patients" if result["by_image"] else ""
    yield f"{result['predicted']}{unit} predicted, {result['refused']} refused, {result['flagged']} flagged"
    for flag in result["flags"][:_SHOWN_FAULTS]:
        yield f"            {flag}"
    yield f"Written   {path}" + (f" (by patient) and {result['by_image']}" if result["by_image"] else "")


def report(path: str, _: dict[str, Any]) -> Iterator[str]:
    yield ""
    yield f"Report    {path}"


def sample(sample: dict[str, Any], _: dict[str, Any]) -> Iterator[str]:
    yield f"Sample    {sample['summary']}"


def paper(path: str, _: dict[str, Any]) -> Iterator[str]:
    yield f"Written   {path} (README.txt there says what each file is)"
