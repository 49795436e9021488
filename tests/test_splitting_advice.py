"""What a cohort is told of its design before anything is learned."""

from __future__ import annotations

import shlex

from designs import cohort_of
from isocenter.options import SPLIT, Options
from isocenter.splitting import make_design


def told(design: object) -> str:
    return " ".join(design.warnings)  # type: ignore[attr-defined]


def test_a_small_cohort_is_told_which_design_serves_it_in_words_to_type() -> None:
    cohort = cohort_of([0] * 32 + [1] * 19)  # evidence: 51 patients leave 4 events
    said = told(make_design(cohort))
    assert "4 patients of the rarer class" in said and "wide" in said
    typed = shlex.split(said[said.index("--design") :].rstrip("."))
    options = dict(zip(typed[::2], typed[1::2], strict=True))
    known = {f"--{f.name.replace('_', '-')}" for f in Options.table(SPLIT)}
    assert set(options) <= known
    served = make_design(
        cohort, design=options["--design"], folds=int(options["--folds"]), repeats=int(options["--repeats"])
    )
    assert told(served) == "" and len(served.splits) == 50


def test_a_rare_class_gets_as_many_folds_as_it_has_patients() -> None:
    assert "--folds 3" in told(make_design(cohort_of([0] * 40 + [1] * 3)))
    assert "--design" not in told(make_design(cohort_of([0] * 40 + [1] * 2)))  # nothing serves two


def test_patients_count_and_not_images() -> None:
    said = told(make_design(cohort_of([i // 200 for i in range(400)], [f"p{i // 10}" for i in range(400)])))
    assert "4 patients of the rarer class" in said


def test_a_large_cohort_is_told_nothing() -> None:
    assert told(make_design(cohort_of([0, 1] * 500))) == ""


def test_few_repeats_and_single_patients_are_said() -> None:
    cohort = cohort_of([0, 1] * 20)
    assert "--repeats 10" in told(make_design(cohort, design="kfold", repeats=2))
    assert "--design kfold" in told(make_design(cohort, design="leave-one-out"))


def test_classes_that_inner_folds_lack_are_named_once() -> None:
    said = make_design(cohort_of([0] * 40 + [1] * 5), design="kfold", repeats=3).warnings
    assert sum("Class '1' has 4 patients in a fitting part" in w for w in said) == 1


def test_a_patient_with_both_classes_is_one_patient() -> None:
    mixed = told(make_design(cohort_of([i % 2 for i in range(200)], [f"p{i // 2}" for i in range(200)])))
    alone = told(make_design(cohort_of([i % 2 for i in range(100)])))
    assert "The 95 % interval" in mixed
    assert mixed[mixed.index("The 95 %") :].split("wide")[0] == alone[alone.index("The 95 %") :].split("wide")[0]
