"""Methods against each other on the same cases: every metric of their panels, each by the comparison that suits it.

- One case a patient: AUC by DeLong, accuracy, sensitivity and specificity by McNemar, all else by
  the paired bootstrap.
- Several cases a patient: everything by the paired bootstrap, patients drawn with all of their cases.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import combinations

import numpy as np

from isocenter.metrics import Ints
from isocenter.metrics.comparison import Comparison, compare_auc, compare_drawn, mcnemar
from isocenter.metrics.estimation import Panel, draws_of
from isocenter.metrics.panels import ClassPanel, Key

# Shares of cases that the reference chooses, so that they are the same cases for every method.
_SHARES = frozenset({"accuracy", "sensitivity", "specificity"})


def compare(
    first: Panel,
    second: Panel,
    patients: Ints,
    keys: Collection[Key] | None = None,
    *,
    draws: int = 2000,
    seed: int = 0,
) -> dict[Key, Comparison]:
    """Every metric (or `keys`) of two methods. patients: (n,) codes 0..p-1. ValueError for panels of other cases."""
    return compare_all((first, second), patients, keys, draws=draws, seed=seed)[0, 1]


def compare_all(
    panels: Sequence[Panel], patients: Ints, keys: Collection[Key] | None = None, *, draws: int = 2000, seed: int = 0
) -> dict[tuple[int, int], dict[Key, Comparison]]:
    """As `compare`, each method against every later one, by their places: each is bootstrapped once."""
    if any(not np.array_equal(panel.reference, panels[0].reference) for panel in panels):
        raise ValueError("only methods that predict the same cases can be compared")
    wanted = panels[0].keys if keys is None else tuple(keys)
    alone = int(patients.max()) + 1 == len(patients)
    rest = [key for key in wanted if not (alone and has_closed_form(panels[0], key))]
    values = [panel.measures(np.ones(len(patients)), rest) for panel in panels]
    samples = [draws_of(panel, patients, rest, draws=draws, seed=seed) for panel in panels]

    def compared(a: int, b: int, key: Key) -> Comparison:
        if key not in rest:
            return closed(panels[a], panels[b], key)
        return compare_drawn(float(values[a][key]), float(values[b][key]), (samples[a][key], samples[b][key]))

    return {(a, b): {key: compared(a, b, key) for key in wanted} for a, b in combinations(range(len(panels)), 2)}


def has_closed_form(panel: Panel, key: Key) -> bool:
    """Whether `closed` compares this metric, for one case a patient."""
    if not isinstance(panel, ClassPanel):
        return False
    return (key[0] == "auc" and key[1] in panel.codes) or (key[0] in _SHARES and panel.share(key) is not None)


def closed(first: Panel, second: Panel, key: Key) -> Comparison:
    """DeLong's test, or McNemar's."""
    assert isinstance(first, ClassPanel) and isinstance(second, ClassPanel)
    if key[0] == "auc":
        return compare_auc(first.is_event(key[1]), first.scores(key[1]), second.scores(key[1]))
    one, other = first.share(key), second.share(key)
    assert one is not None and other is not None
    return mcnemar(one[1][one[0]], other[1][other[0]])
