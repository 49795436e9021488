"""What is done to features first: options, order, the card, bundles, whole studies."""

from __future__ import annotations

from pathlib import Path

import docx
import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import FeatureUnion, Pipeline

import isocenter
from isocenter import bundle
from isocenter.bundle.reader import loads
from isocenter.bundle.writer import dumps
from isocenter.cohort import Task
from isocenter.errors import BadTarget, NothingLeft, UnknownColumn, UsageError
from isocenter.recipes import Recipe
from isocenter.refining import Refining, told
from isocenter.tables.filters import Reliable
from isocenter.tables.told import sentences

NAMES = [f"x{i}" for i in range(12)]
ALL = Refining(0.4, True, 0.9, tuple((n, 0.9) for n in NAMES if n != "x11"), 0.75, "mrmr", 4, "site", None, ("age",))


def frame(n: int = 120, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    X = pd.DataFrame(rng.normal(size=(n, 12)), columns=NAMES)
    X["x0"] += y
    X["x1"] = X["x0"] * 2
    X["x2"] = 1.0
    X.loc[: n // 2, "x3"] = np.nan
    X.loc[::9, "x4"] = np.nan
    X["site"] = np.resize(["A", "B", "C"], n)
    X.loc[X["site"] == "C", NAMES[4:]] += 3
    X["age"], X["sex"], X["label"] = rng.normal(60, 9, n), rng.choice(["F", "M"], n), y
    return X


def recipe(method: str = "linear", refining: Refining = ALL) -> Recipe:
    settings = {"given": {"columns": tuple(NAMES)}}
    return Recipe("r", method, ("given",), ("age", "sex"), settings=settings, refining=refining)


@pytest.mark.parametrize("how", ["mrmr", "univariate", "elastic-net"])
def test_every_step_is_saved_and_comes_back_bit_identical(how: str) -> None:
    X = frame()
    refining = Refining.of(
        ["missing=0.4", "constant", "correlation=0.9"],
        iccs=ALL.iccs,
        select=how,
        keep=4,
        harmonise="site",
        preserve=("age",),
    )
    fitted = recipe(refining=refining).build(Task.CLASSIFICATION, 0).fit(X, X["label"].to_numpy())
    content = dumps(fitted)
    again = loads(content)
    new = frame(50, 1)
    assert (again.predict_proba(new) == fitted.predict_proba(new)).all()
    assert dumps(again) == content
    assert told(again) == told(fitted)


def test_the_card_counts_features_and_no_covariates() -> None:
    X = frame()
    fitted = recipe().build(Task.CLASSIFICATION, 0).fit(X, X["label"].to_numpy())
    rows = {row["step"]: (row.get("removed"), row.get("left")) for row in told(fitted)}
    assert rows == {
        "harmonise": (None, None), "missing": (1, 11), "constant": (1, 10), "reliable": (1, 9), "correlation": (1, 8),
        "select": (4, 4),
    }  # fmt: skip
    names = list(fitted[:-1].get_feature_names_out())
    assert names[-3:] == ["covariates__age", "covariates__sex_F", "covariates__sex_M"] and "given__x0" in names
    said = sentences(told(fitted))
    assert (
        said[0]
        == "Features were harmonised across site by ComBat, preserving age (A 40, B 40, C 40 cases learned from)."
    )
    assert said[-1] == "Of 8 features 4 were selected by minimum redundancy and maximum relevance (4 removed)."
    assert said[1] == "1 feature missing in more than 40% of the cases was removed (11 left): x3."


def test_without_any_wish_the_pipeline_is_what_it_was() -> None:
    steps = recipe(refining=Refining()).build(Task.CLASSIFICATION, 0).steps
    assert [name for name, _ in steps] == ["features", "impute", "method"]
    assert type(steps[0][1]).__name__ == "FeatureUnion"


@pytest.mark.parametrize(
    "wish, said",
    [
        ({"filters": ["missing=2"]}, "missing=2 cannot be"), ({"filters": ["missing=x"]}, "missing=x cannot be"),
        ({"filters": ["variance"]}, "no filter 'variance'"), ({"filters": ["constant=1"]}, "no filter"),
        ({"select": "lasso"}, "--select lasso is not known"), ({"keep": 0}, "--keep 0 leaves nothing"),
        ({"min_icc": 7.0}, "--min-icc 7 cannot be"), ({"preserve": ("age",)}, "are about --harmonise"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(wish: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Refining.of(**wish)


def study(folder: Path, X: pd.DataFrame, **how: object) -> dict[str, object]:
    X.to_csv(folder / "t.csv", index=False)
    isocenter.run(folder / "t.csv", project=folder / "p", target="label", method="linear", **how)
    return dict(bundle.load(folder / "p/models/linear.iso").card)


def test_a_study_keeps_all_of_it_in_the_model(tmp_path: Path) -> None:
    pd.DataFrame({"feature": NAMES, "icc": [0.9] * 11 + [0.2]}).to_csv(tmp_path / "icc.csv", index=False)
    card = study(
        tmp_path, frame(), harmonise="site", preserve="age", covariates="sex", filters="missing=0.4,constant,correlation=0.9",
        reliable=tmp_path / "icc.csv", select="univariate", keep=3,
    )  # fmt: skip
    assert [row["step"] for row in card["refining"]] == [
        "harmonise",
        "missing",
        "constant",
        "reliable",
        "correlation",
        "select",
    ]
    assert "given__x0" in card["feature_names"] and len(card["feature_names"]) == 5
    assert card["beside"] == ["site", "age"] and "site" not in card["ranges"]
    new = frame(6, 2).drop(columns="label")
    new["site"] = ["A", "B", "Q", None, "A", "A"]
    new.to_csv(tmp_path / "new.csv", index=False)
    said = isocenter.predict(tmp_path / "p/models/linear.iso", tmp_path / "new.csv")
    assert [bool(flag) for flag in said.flags] == [False, False, True, True, False, False]
    assert "not harmonised" in said.flags[2]
    page = (tmp_path / "p/report.html").read_text("utf-8")
    assert "harmonised across site by ComBat" in page and "selected by F statistics" in page
    isocenter.export(tmp_path / "p")
    draft = docx.Document(str(next((tmp_path / "p").rglob("*.docx"))))
    text = " ".join(paragraph.text for paragraph in draft.paragraphs)
    assert "learned from training cases only, anew in every fold" in text
    assert (
        "Features were harmonised across site by ComBat, preserving age" in text
        and "1 feature with next to no variation was removed" in text
    )


def test_python_and_the_command_line_make_the_same_model(tmp_path: Path) -> None:
    X = frame().drop(columns=["site", "age", "sex"])
    study(tmp_path, X, filters="constant", select="mrmr", keep=2)
    cohort = isocenter.index(tmp_path / "t.csv", target="label")
    design = isocenter.split(cohort, isocenter.audit(cohort))
    model = isocenter.fit(cohort, design, "linear", refine={"filters": ["constant"], "select": "mrmr", "keep": 2})
    assert dumps(model.estimator) == dumps(bundle.load(tmp_path / "p/models/linear.iso").estimator)


def test_bad_input_is_told_before_anything_is_fitted(tmp_path: Path) -> None:
    X = frame()
    with pytest.raises(UsageError, match="names one site"):
        study(tmp_path, X.assign(site="A"), harmonise="site")
    with pytest.raises(UsageError, match="no site 'Q'"):
        study(tmp_path, X, harmonise="site", reference_site="Q")
    with pytest.raises(BadTarget, match="must not know it"):
        study(tmp_path, X, harmonise="site", preserve="label")
    with pytest.raises(BadTarget, match="must not know it"):
        study(tmp_path, X, harmonise="label")
    with pytest.raises(UnknownColumn, match="nowhere"):
        study(tmp_path, X, harmonise="nowhere")
    with pytest.raises(UsageError, match="does not suit features 'given'"):
        study(tmp_path, X, standardise="zscore")
    with pytest.raises(UsageError, match="--standardise minmax is not known"):
        study(tmp_path, X, standardise="minmax")
    constant = X.assign(**dict.fromkeys(NAMES, 1.0)).drop(columns=["site", "age"])
    with pytest.raises(NothingLeft, match="None of 12 features is left after the filter of near-constant"):
        study(tmp_path, constant, filters="constant")


def test_a_numeric_site_is_no_feature(tmp_path: Path) -> None:
    X = frame().assign(site=lambda t: t["site"].map({"A": 1, "B": 2, "C": 3}))
    card = study(tmp_path, X, harmonise="site", preserve="age")
    assert not {"site", "age"} & set(card["feature_names"])
    assert card["refining"][0]["sites"].keys() == {"1", "2", "3"}


def test_harmonise_must_be_known_when_the_cohort_is_made(tmp_path: Path) -> None:
    frame().to_csv(tmp_path / "t.csv", index=False)
    cohort = isocenter.index(tmp_path / "t.csv", target="label")
    with pytest.raises(UsageError, match=r"index\(\.\.\., harmonise='site'\)"):
        isocenter.fit(cohort, isocenter.split(cohort), "linear", refine={"harmonise": "site"})


def test_what_the_table_of_reliability_does_not_know_is_no_feature_below_the_limit() -> None:
    """Counted and named apart; of many names the first few."""
    X = pd.DataFrame(
        np.random.default_rng(0).normal(size=(20, 11)), columns=[*(f"f{i}" for i in range(9)), "age", "odd"]
    )
    iccs = (*((f"f{i}", 0.9 if i < 2 else 0.2) for i in range(9)), ("odd", float("nan")))
    step = Reliable(iccs, 0.75)
    pipeline = Pipeline([("features", FeatureUnion([("given", "passthrough")])), ("reliable", step.fit(X))])
    (said,) = sentences(told(pipeline))
    assert said.startswith(
        "7 features with an intraclass correlation below 0.75 were removed (2 left): f2, f3, f4, f5, f6 and 2 more."
    )
    assert said.endswith("2 features of which the table of --reliable has no value were removed too: age, odd.")
    (alone,) = sentences(told(Pipeline([("reliable", Reliable(iccs, 0.75).fit(X[["f0", "f8"]]))])))
    assert alone == "1 feature with an intraclass correlation below 0.75 was removed (1 left): f8."
