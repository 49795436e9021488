"""What clusters are: scanners are named, planted subtypes are not scanners, p never on what made the clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from isocenter.associations import Association
from isocenter.cohort import PATIENT, Cohort, Target, Task
from isocenter.datasets import draw_patients, render
from isocenter.datasets.patients import Patient
from isocenter.datasets.planted import plant_subtypes
from isocenter.errors import InputDoesNotFit
from isocenter.imaging.intensity import first_order
from isocenter.imaging.shape import bounding_box, volume_shape
from isocenter.metrics.partitions import adjusted_rand, cramer_v, purity
from isocenter.subtypes import describe, held_out
from isocenter.unsupervised import cluster

SIZE = ["stat_mean", "morph_vol_approx"]
NOISE = 300.0  # HU


def made(scanner: float = 0.0, disease: float = 0.0, n: int = 240, seed: int = 0) -> tuple[pd.DataFrame, Cohort]:
    """Features that a scanner, or a hidden disease, shifts; the outcome follows the disease."""
    rng = np.random.default_rng(seed)
    site, ill = rng.random(n) < 0.5, rng.random(n) < 0.4
    values = rng.normal(size=(n, 8))
    values[:, :3] += scanner * site[:, None]
    values[:, 3:6] += disease * ill[:, None]
    ids = [f"c{i}" for i in range(n)]
    table = pd.DataFrame(values, columns=[f"f{i}" for i in range(8)], index=ids)
    told = pd.DataFrame(
        {PATIENT: ids, "scanner": np.where(site, "B", "A"), "age": rng.normal(60, 9, n), "note": ids,
         "dead": np.where(rng.random(n) < np.where(ill, 0.7, 0.2), "yes", "no")}, index=pd.Index(ids, name="case_id"),
    )  # fmt: skip
    return table, Cohort(
        told.join(table), Target(Task.CLASSIFICATION, "dead", ("no", "yes"), "yes"), features=tuple(table.columns)
    )


def test_scanner_groups_are_named_as_scanner() -> None:
    table, cohort = made(scanner=4.0)
    told = describe(cluster(table), cohort, table)
    assert told.named == "scanner"
    assert told.verdict.startswith("Scanner, not disease")
    assert told.acquisition[0].strength > 0.9
    assert next(r for r in told.others if r.column == "dead").p_adjusted > 0.05


def test_disease_is_not_called_scanner_and_its_outcome_differs() -> None:
    table, cohort = made(disease=4.0)
    told = describe(cluster(table), cohort, table)
    assert told.named is None
    assert told.verdict.startswith("Not explained by how the images were made")
    outcome = next(r for r in told.others if r.family == "outcome")
    assert outcome.p_adjusted < 0.01
    assert {row["feature"] for row in told.features if abs(row["difference"]) > 1} == {"f3", "f4", "f5"}
    assert all("p" not in row for row in told.features)
    assert "note" not in {r.column for r in told.others}  # an id is no covariate
    assert told.replication is not None
    assert told.replication["agreement"] > 0.9
    assert min(told.replication["recovered"]) > 0.9


def test_it_holds_in_patients_who_made_no_cluster() -> None:
    table, cohort = made(disease=4.0, n=500)
    first, second = table.iloc[:250], table.iloc[250:]
    told = describe(held_out(cluster(first), second), cohort.select(list(second.index)))
    assert next(r for r in told.others if r.family == "outcome").p_adjusted < 0.01
    with pytest.raises(InputDoesNotFit):
        describe(cluster(first), cohort.select(list(second.index)))


def test_demanded_clusters_of_noise_are_significant_in_nothing_that_is_tested() -> None:
    """Their own features would be, 20 times of 20."""
    found = 0
    for seed in range(20):
        table, cohort = made(n=120, seed=seed)
        told = describe(cluster(table, method="kmeans", clusters=2, seed=seed), cohort, table, clusters_again=False)
        found += any(row.p_adjusted <= 0.05 for row in (*told.acquisition, *told.others))
        assert "may be one piece" in told.verdict
        assert max(abs(row["difference"]) for row in told.features) > 0.5
    assert found <= 5


def test_what_made_the_clusters_is_not_tested_even_where_the_cohort_calls_it_a_covariate() -> None:
    table, cohort = made(disease=4.0)
    told = describe(cluster(table), Cohort(cohort.table, cohort.target), clusters_again=False)
    assert {r.column for r in (*told.acquisition, *told.others)} == {"scanner", "age", "dead"}


def test_missing_covariates_are_counted() -> None:
    table, cohort = made(scanner=4.0)
    cohort.table.loc[cohort.table.index[::3], "age"] = np.nan
    cohort.table["site"] = None
    told = describe(cluster(table), cohort)
    assert next(r for r in told.others if r.column == "age").n_missing == 80
    assert "site" not in {r.column for r in told.acquisition}


def coded(kind: str, n: int = 240) -> tuple[pd.DataFrame, Cohort]:
    """A scanner that shifts features stands in every second of several sites."""
    table, cohort = made(scanner=4.0, n=n)
    rng = np.random.default_rng(5)
    odd = (cohort.table.pop("scanner") == "B").to_numpy()
    sites = {"numbers": 8, "many": 30, "few patients": n // 4}[kind]
    values = rng.integers(0, sites // 2, n) * 2 + odd
    cohort.table["site"] = values if kind == "numbers" else [f"H{v:03}" for v in values]
    return table, cohort


@pytest.mark.parametrize("kind", ["numbers", "many", "few patients"])
def test_sites_are_named_whether_they_are_numbers_or_many_or_rare(kind: str) -> None:
    table, cohort = coded(kind)
    told = describe(cluster(table), cohort, table, clusters_again=False)
    assert told.named == "site"
    assert told.acquisition[0].strength > (0.5 if kind == "few patients" else 0.9)
    assert told.skipped == ({"column": "note", "family": "other", "why": "240 values, each of too few patients"},)


def test_a_declared_column_of_codes_is_no_rank_whatever_it_is_called() -> None:
    table, cohort = coded("numbers")
    cohort.table["x"] = cohort.table.pop("site") / 2
    found = cluster(table)
    told = describe(found, cohort, table, clusters_again=False)
    assert "nothing is known" in told.verdict
    assert next(r for r in told.others if r.column == "x").strength < 0.5
    told = describe(found, cohort, table, sites=["x"], clusters_again=False)
    assert told.named == "x"
    assert "--harmonise x" in told.verdict
    told = describe(found, replace(cohort, beside=("x",)), table, clusters_again=False)
    assert told.named == "x"
    assert "after harmonisation across 'x'" in told.verdict
    assert "--harmonise" not in told.verdict


@pytest.mark.parametrize("levels", [8, 30, 60, 100])
def test_many_sites_that_tell_nothing_are_significant_as_often_as_they_may(levels: int) -> None:
    table, cohort = made(disease=4.0)
    found, low = cluster(table), 0
    for seed in range(30):
        cohort.table["scanner"] = np.random.default_rng(seed).integers(0, levels, len(table))
        told = describe(found, cohort, clusters_again=False, seed=seed)
        low += told.acquisition[0].p <= 0.05
        assert told.named is None
    assert low <= 5


def test_what_is_known_but_cannot_be_tested_is_not_called_unknown() -> None:
    table, cohort = made(disease=4.0)
    cohort.table["scanner"] = [f"serial {i}" for i in range(len(table))]
    cohort.table["protocol"] = "one"
    told = describe(cluster(table), cohort, table, clusters_again=False)
    assert told.acquisition == ()
    assert "'scanner' (240 values, each of too few patients); 'protocol' (the same for all)" in told.verdict
    assert "nothing is known" not in told.verdict


def test_features_that_do_not_vary_inside_clusters_are_called_constant_there() -> None:
    table, cohort = made(disease=4.0)
    found = cluster(table)
    table["f3"] = found.labels * 5.0
    table["f4"] = found.labels + 1e-9 * table["f4"]
    rows = [r for r in describe(found, cohort, table, clusters_again=False).features if r["cluster"] == 1]
    assert {r["feature"] for r in rows if r["constant"]} == {"f3", "f4"}
    assert max(abs(r["difference"]) for r in rows) == 100
    assert [r["feature"] for r in rows[:2]] == ["f3", "f4"]


def rendered(patients: Sequence[Patient]) -> tuple[pd.DataFrame, Cohort]:
    """Features of each lesion as its scanner shows it, and who was scanned where."""
    rows = []
    for patient in patients:
        volume, mask = render(patient)
        box = bounding_box(mask > 0)
        inside = mask[box] > 0
        values = volume[box][inside].astype(float)
        rows.append({**first_order(values), **volume_shape(inside, values, patient.scanner.spacing)})
    table = pd.DataFrame(rows, index=[p.patient_id for p in patients])
    told = {
        PATIENT: table.index,
        "scanner": [p.scanner.model for p in patients],
        "malignant": [p.malignant for p in patients],
    }
    return table, Cohort(pd.DataFrame(told, index=pd.Index(table.index, name="case_id")))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_planted_subtypes_of_the_phantom_are_found(seed: int) -> None:
    """From rendered scans; k-means on mean intensity and volume alone misses them."""
    patients, kinds = plant_subtypes(draw_patients(seed, 150), seed)
    table, cohort = rendered(patients)
    found = cluster(table)
    assert found.structure
    assert adjusted_rand_score(kinds, found.labels) >= 0.9
    floor = cluster(table[SIZE], method="kmeans", clusters=3)
    assert adjusted_rand_score(kinds, floor.labels) < 0.7
    assert describe(found, cohort, table, clusters_again=False).named is None


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_planted_scanners_of_the_phantom_are_named(seed: int) -> None:
    """The second scanner is very noisy: what is found in rendered scans is the scanner, and is said to be it."""
    noisy = [replace(p, scanner=replace(p.scanner, noise=NOISE)) if p.scanner.site == "B" else p
             for p in draw_patients(seed, 100)]  # fmt: skip
    table, cohort = rendered(noisy)
    told = describe(cluster(table), cohort, table, clusters_again=False)
    assert told.named == "scanner"
    assert told.verdict.startswith("Scanner, not disease")


def test_partitions_are_compared_as_scikit_learn_does() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 4, 60), rng.integers(-1, 3, 60)
    assert adjusted_rand(a, b) == pytest.approx(adjusted_rand_score(a, b))
    weights = rng.integers(0, 3, (5, 60)).astype(float)
    counted = [adjusted_rand_score(np.repeat(a, w.astype(int)), np.repeat(b, w.astype(int))) for w in weights]
    np.testing.assert_allclose(adjusted_rand(a, b, weights), counted)
    assert np.isnan(adjusted_rand(np.zeros(5), np.zeros(5)))
    assert purity([0, 0, 1, 1], [0, 0, 0, 1]) == 0.75
    assert cramer_v([[30, 0], [0, 30]]) == pytest.approx(1, abs=0.01)
    assert np.isnan(cramer_v([[3, 4], [0, 0]]))


def test_sites_of_the_body_are_no_scanners_and_a_covariate_is_the_patients() -> None:
    table, cohort = made(scanner=4.0)
    second = (cohort.table["scanner"] == "B").to_numpy()
    cohort.table["site"] = np.where(second, "left thigh", "parotid")
    families = {r.column: r.family for r in _rows(table, cohort)}
    assert (families["site"], families["scanner"]) == ("other", "acquisition")
    declared = {r.column: r.family for r in _rows(table, replace(cohort, covariates=("scanner",)))}
    assert declared["scanner"] == "other"
    words = {
        "patient_age": "person",
        "age_years": "person",
        "AgeAtScan": "person",
        "contrast_agent": "acquisition",
        "image_quality": "other",
        "trace": "other",
    }
    many = replace(cohort, table=cohort.table.assign(**dict.fromkeys(words, cohort.table["scanner"])))
    assert words.items() <= {r.column: r.family for r in _rows(table, many)}.items()
    cohort.table["site"] = np.where(second, "Leg Hospital", "Berlin")  # half of them is not most
    assert {r.column: r.family for r in _rows(table, cohort)}["site"] == "acquisition"


def _rows(table: pd.DataFrame, cohort: Cohort) -> Sequence[Association]:
    told = describe(cluster(table), cohort, table, clusters_again=False)
    return (*told.acquisition, *told.others)


def test_long_lists_say_how_many_were_tested() -> None:
    table, cohort = made(disease=4.0)
    rng = np.random.default_rng(1)
    for name in ("kernel", "protocol", "vendor", "station", "coil", "site"):
        cohort.table[name] = rng.choice(["one", "two"], len(table))
    verdict = describe(cluster(table), cohort, table, clusters_again=False).verdict
    assert "7 columns were tested: " in verdict
    assert " and 2 more" in verdict
