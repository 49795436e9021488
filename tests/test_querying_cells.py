"""The nearest cases by cells that are kept in the project."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import isocenter
from isocenter import ingest, lines, unlabelled
from isocenter.errors import UsageError
from isocenter.options import Options
from isocenter.project import Project
from isocenter.querying import Query


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12,000 rows in which six things vary; row 9 has a copy, row 700."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(12_000, 6)) + 2 * rng.normal(size=(20, 6))[rng.integers(0, 20, 12_000)]
    rows = np.maximum(hidden @ rng.normal(size=(6, 60)), 0) + 0.05 * rng.normal(size=(12_000, 60))
    rows[700] = rows[9]
    path = tmp_path_factory.mktemp("many") / "rows.npy"
    np.save(path, rows.astype(np.float32))
    return path


def of_rows(path: Path, project: Path | None) -> Query:
    return Query(Options().changed(input=str(path)), Project(project))


def test_an_approximate_search_tells_its_recall_and_measures_once(
    many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = of_rows(many, tmp_path).similar("9", 8)["similar"]
    first = of_rows(many, tmp_path).similar("9", 8, search="approximate")
    told = first["similar"]
    assert told["cases"][0] == {**told["cases"][0], "case_id": "700", "distance": 0}
    assert len({one["case_id"] for one in told["cases"]} & {one["case_id"] for one in exact["cases"]}) >= 7
    search = told["search"]
    assert (search["how"], search["at"], search["asked"], exact["search"]["how"]) == ("approximate", 8, 200, "exact")
    assert search["recall"] > 0.9
    assert search["looked"] < 0.1
    said = f"Approximate: recall@8 {search['recall']:.2f} on 200 of these cases"
    assert said in list(lines.SECTIONS["similar"](told, first))[1]
    assert said in Path(first["page"]).read_text("utf-8")
    monkeypatch.setattr(unlabelled, "measure", None)  # what is kept needs no features
    again = of_rows(many, tmp_path).similar("9", 8, search="approximate")["similar"]
    assert again == told
    with pytest.raises(TypeError):
        of_rows(many, tmp_path).similar("9", 8)


def test_a_row_from_outside_is_searched_in_the_same_cells(many: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.load(many)[[9]])
    study = of_rows(many, tmp_path / "p")
    told = study.similar(str(tmp_path / "one.npy"), 4, search="approximate")["similar"]
    assert [one["case_id"] for one in told["cases"][:2]] == ["9", "700"]
    assert told["search"]["how"] == "approximate"


def test_a_changed_cohort_is_sorted_into_cells_again(many: Path, tmp_path: Path) -> None:
    rows = np.load(many)
    np.save(tmp_path / "rows.npy", rows)
    of_rows(tmp_path / "rows.npy", tmp_path / "p").similar("9", search="approximate")
    rows[700], rows[701] = rows[701], rows[9]
    np.save(tmp_path / "rows.npy", rows)
    told = of_rows(tmp_path / "rows.npy", tmp_path / "p").similar("9", search="approximate")["similar"]
    assert told["cases"][0]["case_id"] == "701"
    by_angle = of_rows(tmp_path / "rows.npy", tmp_path / "p").similar("9", 3, "cosine", "approximate")["similar"]
    assert by_angle["distance"] == "cosine" != told["distance"]


def test_what_was_damaged_is_made_again(many: Path, tmp_path: Path) -> None:
    first = of_rows(many, tmp_path).similar("9", search="approximate")["similar"]
    kept = tmp_path / "similar" / "vectors.npy"
    content = bytearray(kept.read_bytes())
    content[128:] = b"\x00" * (len(content) - 128)
    kept.write_bytes(content)
    assert of_rows(many, tmp_path).similar("9", search="approximate")["similar"] == first
    kept.unlink()
    assert of_rows(many, tmp_path).similar("9", search="approximate")["similar"] == first


def test_python_searches_in_cells_too_and_few_cases_exactly(many: Path, tmp_path: Path) -> None:
    cohort = ingest.index(many, with_labels=False)
    found = isocenter.similar(cohort, "9", search="approximate")
    assert found.index[0] == "700"
    assert found.attrs["search"]["how"] == "approximate"
    assert isocenter.similar(cohort, "9").attrs["search"] == {"how": "exact", "sentence": ""}
    few = cohort.select(list(cohort.case_ids[:50]))
    assert "fewer than 10,000" in isocenter.similar(few, "9", search="approximate").attrs["search"]["sentence"]
    with pytest.raises(UsageError, match="exact, approximate"):
        isocenter.similar(cohort, "9", search="quick")
    with pytest.raises(UsageError, match="exact, approximate"):
        of_rows(many, None).similar("9", search="quick")
