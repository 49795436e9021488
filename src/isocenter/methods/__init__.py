"""Learning methods: one small file each, listed in one literal dict.

Contract: a method's module has `build(task, *, seed, **parameters)`, which returns an unfitted
scikit-learn estimator for integer class codes or measurements, and `CHOICES`, the parameters it
wants chosen by inner folds where the user has not set them. The keyword-only parameters of
`build` are the method's whole configuration; `CALLED` says which of them scikit-learn calls otherwise. Of tasks a
module meets classification and regression only: grades and labels are made of its classifier here (`composed`).
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sklearn.utils._param_validation import InvalidParameterError

from isocenter.cohort import Task
from isocenter.errors import UsageError

METHODS: dict[str, str] = {
    "forest": "isocenter.methods.forest",
    "linear": "isocenter.methods.linear",
    "boosting": "isocenter.methods.boosting",
    "svm": "isocenter.methods.svm",
    "majority": "isocenter.methods.floors",
    "mean": "isocenter.methods.floors",
}
FLOORS = ("majority", "mean")  # of METHODS those that know nothing of a case


def _module(method: str) -> Any:
    if method not in METHODS:
        raise UsageError(f"There is no method '{method}'.", f"Methods: {', '.join(METHODS)}.")
    return importlib.import_module(METHODS[method])


def settings(method: str) -> dict[str, object]:
    """The method's parameters and their defaults, by name."""
    found = inspect.signature(_module(method).build).parameters.values()
    return {p.name: p.default for p in found if p.kind is p.KEYWORD_ONLY and p.name != "seed"}


def choices(method: str) -> Mapping[str, tuple[object, ...]]:
    """Candidates for parameters that inner folds choose."""
    found: Mapping[str, tuple[object, ...]] = _module(method).CHOICES
    return found


def build(method: str, task: Task, *, seed: int = 0, **parameters: object) -> Any:
    """An unfitted estimator; UsageError for a parameter that the method does not have."""
    known = settings(method)
    if unknown := [name for name in parameters if name not in known]:
        listed = ", ".join(f"{name}={value}" for name, value in known.items()) or "none"
        raise UsageError(f"Method '{method}' has no parameter '{unknown[0]}'.", f"It has: {listed}.")
    one_of_several = Task.CLASSIFICATION if task in (Task.ORDINAL, Task.MULTILABEL) else task
    estimator = _module(method).build(one_of_several, seed=seed, **parameters)
    if task is one_of_several:
        return estimator
    from isocenter.methods import composed

    return composed.Ordinal(estimator) if task is Task.ORDINAL else composed.OneVsRest(estimator)


@contextmanager
def refusing(method: str, given: Mapping[str, object]) -> Iterator[None]:
    """UsageError for a value in `given` that scikit-learn refuses when it fits, under the name that was given."""
    try:
        yield
    except InvalidParameterError as wrong:
        found = re.match(r"The '(\w+)' parameter of \w+ must be (.*)\. Got .* instead\.", str(wrong), re.DOTALL)
        name, allowed = ("", "") if found is None else (str(found[1]), str(found[2]))
        name = getattr(_module(method), "CALLED", {}).get(name, name)
        if name not in given:
            raise  # no value of the user's: a bug of ours
        raise wrong_value(name, given[name], allowed) from wrong


def wrong_value(name: str, value: object, allowed: str) -> UsageError:
    """For a parameter of a method that cannot be `value`; allowed: "a float in the range (0.0, inf)"."""
    return UsageError(f"--set {name}={value} cannot be.", f"It must be {allowed}.")
