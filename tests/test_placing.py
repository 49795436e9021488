"""New cases in clusters that are there: another kind of input is refused or flagged, never placed without a word."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import isocenter
from isocenter import ingest, lines
from isocenter.elsewhere import predict_to
from isocenter.errors import InputDoesNotFit, UsageError
from isocenter.mapping import Mapping
from isocenter.options import Options
from isocenter.placing import place
from isocenter.project import Project


def pictures(folder: Path, n: int, low: int = 0, channels: int = 3, size: int = 32) -> Path:
    """n pictures of noise, every other one bright; grey ones with one channel."""
    rng = np.random.default_rng(n)
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(n):
        values = rng.integers(low, 60, (size, size, channels)) + 150 * (i % 2)
        Image.fromarray(values.astype(np.uint8).squeeze()).save(folder / f"n{i:02}.png")
    return folder


def volume(path: Path) -> None:
    """A MetaImage of 4 slices."""
    head = "ObjectType = Image\nNDims = 3\nDimSize = 32 32 4\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
    path.write_bytes(head.encode() + np.random.default_rng(0).integers(0, 255, 32 * 32 * 4, np.uint8).tobytes())


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clusters of 2-D colour pictures."""
    home = tmp_path_factory.mktemp("clusters")
    options = Options().changed(input=str(pictures(home / "colour", 40)), features="intensity")
    Mapping(options, Project(home / "p")).cluster()
    return home / "p" / "clusters" / "clusters.iso"


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clusters of a table in which one column is constant."""
    home = tmp_path_factory.mktemp("clusters")
    rng = np.random.default_rng(0)
    values = rng.normal(size=(60, 8)) + np.repeat([0, 9], 30)[:, None]
    pd.DataFrame(values, columns=list("abcdefgh")).assign(const=1.0).to_csv(home / "t.csv", index=False)
    Mapping(Options().changed(input=str(home / "t.csv")), Project(home / "p")).cluster()
    return home / "p" / "clusters" / "clusters.iso"


def test_scans_like_the_clustered_ones_are_placed_without_a_flag(scans: Path, tmp_path: Path) -> None:
    placed = place(scans, pictures(tmp_path / "new", 4))
    assert placed["flags"].tolist() == ["", "", "", ""]
    assert placed["cluster"].nunique() == 2


def test_a_volume_among_pictures_is_refused_by_name(scans: Path, tmp_path: Path) -> None:
    folder = pictures(tmp_path / "new", 4)
    volume(folder / "deep.mha")
    told = predict_to(scans, str(folder), tmp_path / "placed.csv")
    assert (told["cases"], told["refused"], told["flagged"]) == (4, 1, 0)
    table = pd.read_csv(tmp_path / "placed.csv", index_col="case_id")
    assert table.loc["deep", "flags"] == "refused: a 3-D volume, clustered were 2-D images."
    assert table.loc["deep", ["cluster", "confidence", "distance"]].isna().all()
    assert table.drop("deep")["cluster"].notna().all()
    said = "\n".join(lines.SECTIONS["placed"](told["placed"], told))
    assert "1 refused, 0 flagged" in said
    assert "WARNING   refused: a 3-D volume" in said


def test_nothing_is_placed_where_no_scan_fits(scans: Path, tmp_path: Path) -> None:
    tmp_path.joinpath("new").mkdir()
    volume(tmp_path / "new" / "deep.mha")
    with pytest.raises(InputDoesNotFit, match=r"None of the 1 cases fits the clusters\. deep: a 3-D volume") as refused:
        predict_to(scans, str(tmp_path / "new"), tmp_path / "placed.csv")
    assert "These clusters take" in refused.value.remedy
    assert not (tmp_path / "placed.csv").exists()


def test_grey_pictures_among_colour_are_flagged(scans: Path, tmp_path: Path) -> None:
    told = predict_to(scans, str(pictures(tmp_path / "new", 4, channels=1)), tmp_path / "placed.csv")
    flags = pd.read_csv(tmp_path / "placed.csv")["flags"]
    assert flags.eq("grey, clustered were colour").all() and told["flagged"] == 4
    assert "WARNING   grey, clustered were colour" in "\n".join(lines.SECTIONS["placed"]("", told))


def test_many_flags_are_counted_in_the_terminal(scans: Path, tmp_path: Path) -> None:
    for i in range(9):
        pictures(tmp_path / "new" / str(i), 1, size=40 + i)
    told = predict_to(scans, str(tmp_path / "new"), tmp_path / "placed.csv")
    said = "\n".join(lines.SECTIONS["placed"](told["placed"], told))
    assert said.count("WARNING   size") == 6 and "and 3 more in" in said


def test_a_table_for_clusters_of_scans_and_scans_for_those_of_a_table(scans: Path, rows: Path, tmp_path: Path) -> None:
    with pytest.raises(InputDoesNotFit, match="of scans; this input is a feature table"):
        place(scans, rows.parents[2] / "t.csv")
    with pytest.raises(InputDoesNotFit, match="of rows of features; this input is a folder of scans"):
        place(rows, pictures(tmp_path / "new", 2))


def test_rows_far_from_the_clustered_ones_are_flagged(rows: Path, tmp_path: Path) -> None:
    table = pd.read_csv(rows.parents[2] / "t.csv")
    table.loc[3, "b"] = 1e4
    table["const"] = 7.0  # carries no weight: whatever it is changes nothing
    table.to_csv(tmp_path / "t.csv", index=False)
    flags = place(rows, tmp_path / "t.csv")["flags"].tolist()
    assert flags.pop(3) == "far outside the range of the clustered cases: b"
    assert set(flags) == {""}


def test_columns_without_weight_may_be_missing_and_others_are_counted(rows: Path, tmp_path: Path) -> None:
    table = pd.read_csv(rows.parents[2] / "t.csv")
    table.drop(columns="const").to_csv(tmp_path / "t.csv", index=False)
    assert place(rows, tmp_path / "t.csv")["cluster"].equals(place(rows, rows.parents[2] / "t.csv")["cluster"])
    table[[]].assign(z=1.0, y=np.arange(60)).to_csv(tmp_path / "less.csv", index=False)
    with pytest.raises(InputDoesNotFit, match=r"8 of the clustering's 8 features are missing: a, b, c, d, e, f, g, h"):
        place(rows, tmp_path / "less.csv")


def test_a_clustering_is_no_model_and_a_model_no_clustering(scans: Path, rows: Path, tmp_path: Path) -> None:
    """Whole files: nothing is to be copied again, and the function that takes them is named."""
    new = rows.parents[2] / "t.csv"
    for call in (isocenter.load, lambda path: isocenter.predict(path, new), lambda p: isocenter.predict(str(p), new)):
        with pytest.raises(UsageError, match=r"clusters\.iso is a clustering, not a model") as refused:
            call(rows)
        assert "isocenter.place(" in refused.value.remedy
    table = pd.read_csv(new).assign(y=["no", "yes"] * 30)
    table.to_csv(tmp_path / "y.csv", index=False)
    cohort = isocenter.index(tmp_path / "y.csv", target="y")
    isocenter.save(isocenter.fit(cohort, isocenter.split(cohort), "linear"), tmp_path / "m.iso")
    with pytest.raises(UsageError, match=r"m\.iso is a model, not a clustering") as refused:
        isocenter.place(tmp_path / "m.iso", new)
    assert "isocenter.predict(" in refused.value.remedy


def test_nearest_cases_of_a_path(rows: Path) -> None:
    path = rows.parents[2] / "t.csv"
    for given in (path, str(path)):
        case = str(ingest.index(path, with_labels=False).case_ids[5])
        near = isocenter.similar(given, case, n=3)
        assert len(near) == 3 and case not in near.index
        assert near["distance"].is_monotonic_increasing
