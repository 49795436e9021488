"""The map's page as text: what the script reads, sheets of pictures, hostile ids, colours for the colour-blind."""

from __future__ import annotations

import base64
import io
import json
import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from isocenter.reporting import map as maps
from isocenter.reporting.map import Atlas, Card, Group, Section, Sheets, picture_size, render
from studies import EVIL, thumbnail

STYLE = (Path(maps.__file__).parent / "map.css").read_text("utf-8")
# Machado, Oliveira and Fernandes (2009): how full deuteranopia, protanopia and tritanopia see linear RGB.
BLINDNESS = {
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
}


def atlas(n: int = 40, **more: object) -> Atlas:
    rng = np.random.default_rng(0)
    columns = pd.DataFrame(
        {"cluster": [f"{k % 3 + 1}" for k in range(n)], "age": [np.nan, *rng.normal(60, 9, n - 1)], "note": [EVIL] * n},
        index=[f"{EVIL}/{i}" for i in range(n)],
    )
    sheets = Sheets.of([thumbnail(i) for i in range(n)], picture_size(n))
    section = Section(
        "alike", "Duplicates", (EVIL,), groups=(Group(EVIL, EVIL, (Card((columns.index[0],), (EVIL,)),)),)
    )
    told = {"sections": (section,), "thumbnails": {columns.index[0]: thumbnail(1)}, "answer": (EVIL,), **more}
    return Atlas(EVIL, "Clusters", EVIL, columns, rng.normal(size=(n, 2)), sheets=sheets, **told)  # type: ignore[arg-type]


def data_of(html: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="map-data">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    return dict(json.loads(found[1]))


def test_the_script_reads_what_the_table_holds() -> None:
    shown = atlas()
    data = data_of(render(shown))
    assert data["ids"] == list(shown.columns.index)
    cluster, age, _ = data["columns"]  # type: ignore[misc]
    codes = np.frombuffer(base64.b64decode(cluster["codes"]), "<u2")
    assert [cluster["levels"][c] for c in codes] == shown.columns["cluster"].tolist()
    values = np.frombuffer(base64.b64decode(age["values"]), "<f4")
    assert np.isnan(values[0])
    assert values[1:] == pytest.approx(shown.columns["age"].to_numpy()[1:], rel=1e-6)


def test_both_axes_have_one_scale_and_up_is_up() -> None:
    places = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 1.0]])
    shown = Atlas("t", "k", "l", pd.DataFrame({"a": ["x"] * 3}, index=[*"abc"]), places)
    data = data_of(render(shown))
    x, y = (np.frombuffer(base64.b64decode(str(data[axis])), "<f4") for axis in "xy")
    assert list(x) == [0, 1, 0]
    assert y == pytest.approx([0.625, 0.625, 0.375])


def test_hostile_texts_are_texts() -> None:
    html = render(atlas())
    assert html.count("<script") == 2
    assert "<img src=x" not in html
    assert re.search(r"script-src &#39;sha256-[A-Za-z0-9+/]{43}=&#39;", html)


def test_equal_data_give_equal_pages() -> None:
    assert render(atlas()) == render(atlas())


def test_sheets_keep_order_and_grey() -> None:
    levels = (np.arange(300) * 255 // 299).astype(np.uint8)
    pictures = [np.full((20, 20, 3), level, dtype=np.uint8) for level in levels]
    sheets = Sheets.of([*pictures[:5], None, *pictures[6:]], 32)
    assert len(sheets.sheets) == 2
    second = Image.open(io.BytesIO(sheets.sheets[1]))
    assert second.mode == "L"
    assert abs(int(np.asarray(second)[16, 16]) - int(levels[256])) <= 2
    assert np.asarray(Image.open(io.BytesIO(sheets.sheets[0])))[16, 5 * 32 + 16].max() <= 2


def test_pictures_in_grey_tell_twins() -> None:
    pictures = [thumbnail(i) for i in range(30)]
    found = Sheets.of([*pictures, pictures[3]], 48).greys(31)
    assert found.shape == (31, 1024)
    alike = np.corrcoef(found)[30]
    assert alike[3] > 0.999
    assert np.delete(alike, [3, 30]).max() < 0.99


def test_fifty_thousand_pictures_are_small() -> None:
    assert [picture_size(n) for n in (10, 1001, 4001, 12001, 50000)] == [96, 64, 48, 32, 32]


@pytest.mark.parametrize("scheme", [0, 1])
def test_categories_are_told_apart_by_the_colour_blind(scheme: int) -> None:
    """CIE76 distances of all eight colours, as each kind of eye sees them."""
    block = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)[scheme]
    colours = np.array([[int(c[i : i + 2], 16) for i in (0, 2, 4)] for c in re.findall(r"--map-\d: #(\w{6})", block)])
    assert len(colours) == 8
    linear = np.where(colours <= 10.31475, colours / 3294.6, ((colours / 255 + 0.055) / 1.055) ** 2.4)
    for name, matrix in {"usual": np.eye(3), **BLINDNESS}.items():
        seen = lab((linear @ np.array(matrix).T).clip(0, 1))
        apart = min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2))
        assert apart > 20, name


def lab(linear: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    xyz = linear @ np.array([[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]])
    f = np.cbrt(xyz / [0.9505, 1.0, 1.089])
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)
