"""The seed band: the same study with other random numbers, to see how far its numbers move by chance alone.

Split and fit are repeated with the next seeds; a given split is only fitted again. These test parts
are looked at, too: the ledger has them as looks of their own kind, which do not add to those at the
study's own test part, as nothing can be chosen by them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from isocenter import artefacts, ledger, progress, scoring, training
from isocenter.crossing import Setting, plain
from isocenter.errors import UsageError
from isocenter.evaluation import Evaluation, headline
from isocenter.metrics.intervals import Interval
from isocenter.metrics.seeds import FEWEST, all_beyond_seeds, seed_band
from isocenter.project import fingerprint
from isocenter.recipes import Recipe
from isocenter.splitting import Design, duration

Rows = list[dict[str, Any]]


def seeds(
    setting: Setting,
    recipes: Sequence[Recipe],
    evaluations: Mapping[str, Evaluation],
    n: int,
    redesign: Callable[[int], Design],
) -> dict[str, Any]:
    """Plain data for `seeds.json`: rows (seed, method, metric, value), bands, differences and how they were made.

    evaluations: of the study itself, the first seed; redesign: the design that another seed draws.
    """
    if n < FEWEST:
        raise UsageError(f"--seeds {n} shows nothing: {FEWEST} are the least.", "Give 3 or more.")
    numbers = [setting.seed + k for k in range(n)]
    rows = [row for name, one in evaluations.items() for row in _rows(numbers[0], name, one)]
    rows += _others(setting, recipes, numbers[1:], redesign)
    moved = "fits (the split is given)" if setting.design.kind == "given" else "splits and fits"
    who = "patients" if setting.cohort.knows_patients else "cases"
    target = setting.cohort.target
    assert target is not None
    main = headline(target)
    return {
        "seeds": numbers,
        "metric": main,
        "how": f"The same {who}, {n} {moved} with seeds {numbers[0]} to {numbers[-1]}: how far numbers move by "
        f"chance alone. It says nothing of other {who}.",
        "rows": rows,
        "bands": _bands(rows, numbers),
        "differences": _differences(rows, numbers, main),
    }


def _others(
    setting: Setting, recipes: Sequence[Recipe], numbers: Sequence[int], redesign: Callable[[int], Design]
) -> Rows:
    """Values of the further seeds; each method of each seed is an artefact, made once."""
    found: Rows = []
    began, told = time.perf_counter(), False
    for done, seed in enumerate(progress.track(numbers, "seeds", len(numbers)), start=1):
        wanted = {recipe.name: _inputs(setting, recipe, seed) for recipe in recipes}
        left = [r for r in recipes if not setting.project.has(artefacts.seed_values(seed, r.name), wanted[r.name])]
        if left:
            _measure(setting, left, seed, redesign(seed), wanted)
        if left and not told and done < len(numbers):
            told, lasts = True, (time.perf_counter() - began) * (len(numbers) - done)
            names = ", ".join(recipe.name for recipe in recipes)
            progress.note(f"--seeds: {len(numbers) - done} more times {names}, about {duration(lasts)}.")
        for name in wanted:
            values: Rows = setting.project.get(artefacts.seed_values(seed, name))
            found += values
    return found


def _inputs(setting: Setting, recipe: Recipe, seed: int) -> str:
    design = setting.project.inputs(artefacts.DESIGN)
    return fingerprint("seed", design, plain(recipe), asdict(setting.wish), seed)


def _measure(setting: Setting, recipes: Sequence[Recipe], seed: int, design: Design, inputs: Mapping[str, str]) -> None:
    project = setting.project
    if project.folder is not None:
        looked = {recipe.name: inputs[recipe.name] for recipe in recipes}
        ledger.look(project.folder, design.test_fingerprint, looked, ledger.SEED_LOOK)
    for recipe in recipes:
        how: dict[str, Any] = {"seed": seed, "store": project.store, "wish": setting.wish, "told": False}
        table = training.cross_scores(recipe, setting.cohort, design, **how)
        one = scoring.values(table, recipe.name, setting.cohort, design)
        project.put(artefacts.seed_values(seed, recipe.name), inputs[recipe.name], _rows(seed, recipe.name, one))


def _rows(seed: int, name: str, evaluation: Evaluation) -> Rows:
    """The whole test part's numbers."""
    return [
        {"seed": seed, "method": name, "metric": e.metric, "value": e.value if math.isfinite(e.value) else None}
        for e in evaluation.estimates
        if e.part == "test" and e.group is None and e.class_name is None
    ]


def _values(rows: Rows, numbers: Sequence[int]) -> dict[tuple[str, str], Any]:
    """(s,) of each method and metric, in the order of the seeds; NaN where there is no value."""
    found: dict[tuple[str, str], dict[int, float]] = {}
    for row in rows:
        value = math.nan if row["value"] is None else row["value"]
        found.setdefault((row["method"], row["metric"]), {})[row["seed"]] = value
    return {key: np.array([one.get(seed, math.nan) for seed in numbers]) for key, one in found.items()}


def _bands(rows: Rows, numbers: Sequence[int]) -> Rows:
    return [
        {"method": method, "metric": metric, **_plain(asdict(seed_band(values)))}
        for (method, metric), values in _values(rows, numbers).items()
    ]


def _differences(rows: Rows, numbers: Sequence[int], main: str) -> Rows:
    """Every pair of methods on the headline metric, with what chance alone does to the difference."""
    values = {method: v for (method, metric), v in _values(rows, numbers).items() if metric == main}
    return [{"metric": main, **_plain(asdict(one))} for one in all_beyond_seeds(values)]


def _plain(value: Any) -> Any:
    if isinstance(value, Interval):
        return {"low": _plain(value.low), "high": _plain(value.high)}
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
