"""The map in a real browser: it moves, finds, selects, exports; phone and desk; nothing hostile runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from browser import Browser
from isocenter.reporting.map import Atlas, Sheets, render
from studies import EVIL, thumbnail
from test_reporting_browser import FAINT, OVER_THE_EDGE, SCREENS

MAP = "document.getElementById('map-stage').isocenter"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    n = 90
    places = np.stack([np.arange(n) % 10, np.arange(n) // 10], axis=1).astype(float)
    ids = [f"case-{i:03d}" for i in range(n - 2)] + [EVIL, "=cmd()"]
    columns = pd.DataFrame({"cluster": [f"{i // 10}" for i in range(n)], "age": np.arange(n) + 0.5}, index=ids)
    columns["origin"] = [EVIL if i % 2 else "a" for i in range(n)]
    path = tmp_path_factory.mktemp("map") / "map.html"
    sheets = Sheets.of([thumbnail(i % 5) for i in range(n)], 96)
    path.write_text(render(Atlas(EVIL, "Map", EVIL, columns, places, answer=(EVIL,), sheets=sheets)), "utf-8")
    return path


def drag(window: Browser, first: tuple[float, float], last: tuple[float, float]) -> None:
    """With the mouse, from one place of the map to another (CSS pixels within it)."""
    left, top = window.ask(
        "(({left, top}) => [left, top])(document.getElementById('map-stage').getBoundingClientRect())"
    )
    for kind, (x, y) in (("mousePressed", first), ("mouseMoved", last), ("mouseReleased", last)):
        told: dict[str, Any] = {
            "type": kind,
            "x": left + x,
            "y": top + y,
            "button": "left",
            "clickCount": 1,
            "buttons": 1,
        }
        window.driver.execute_cdp_cmd("Input.dispatchMouseEvent", told)


def keys(window: Browser, *names: str) -> None:
    for name in names:
        window.driver.execute_script(
            "document.getElementById('map-stage').dispatchEvent(new KeyboardEvent('keydown', {key: arguments[0]}))",
            name,
        )


def opened(window: Browser, page: Path, width: int = 1280, scheme: str = "light") -> None:
    window.set(width, scheme=scheme)
    window.open(page)
    window.driver.execute_script("document.getElementById('map-stage').scrollIntoView({behavior: 'instant'})")


@pytest.mark.parametrize("width, scheme", SCREENS)
def test_page_is_quiet_and_fits(window: Browser, page: Path, width: int, scheme: str) -> None:
    opened(window, page, width, scheme)
    window.driver.execute_script(f"{MAP}.show(3)")
    assert [url for url in window.requests() if not url.startswith("blob:")] == [page.as_uri()]
    assert window.said() == []
    assert window.ask("document.documentElement.scrollWidth") <= width
    assert [e for e in window.ask(OVER_THE_EDGE) if "layer" not in e] == []
    assert window.ask(FAINT) == []


HEIGHT = "document.getElementById('map-stage').getBoundingClientRect().height"


@pytest.mark.parametrize(
    "width, height, least, most", [(1280, 800, 640, 740), (1280, 500, 480, 480), (390, 844, 480, 480)]
)
def test_the_map_is_as_high_as_the_window_lets_it_be(
    window: Browser, page: Path, width: int, height: int, least: int, most: int
) -> None:
    window.set(width, height)
    window.open(page)
    assert least <= window.ask(HEIGHT) <= most
    drawn = window.ask("document.getElementById('map-dots').height / devicePixelRatio")
    assert drawn == pytest.approx(window.ask(HEIGHT), abs=3)


def test_on_a_low_touch_screen_some_of_the_page_stays_beside_the_map(window: Browser, page: Path) -> None:
    told = {"enabled": True, "maxTouchPoints": 1}
    window.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", told)
    try:
        window.set(844, 390)
        window.open(page)
        assert 250 <= window.ask(HEIGHT) <= 390 - 60
    finally:
        window.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


def test_hostile_texts_do_nothing(window: Browser, page: Path) -> None:
    opened(window, page)
    window.driver.execute_script(f"{MAP}.show(88)")
    window.driver.execute_script(
        "const s = document.getElementById('map-colour'); s.value = 2; s.dispatchEvent(new Event('change'))"
    )
    assert window.ask("document.getElementById('map-case-id').textContent") == EVIL
    assert window.ask("document.querySelectorAll('main script, main img, main [onerror]').length") == 0
    assert EVIL in window.ask("document.getElementById('map-legend').textContent")
    assert window.ask("document.scripts.length") == 2
    assert window.said() == []


def test_a_box_selects_and_the_file_holds_what_lies_in_it(window: Browser, page: Path) -> None:
    opened(window, page)
    window.driver.execute_script("document.querySelector('[data-mode=box]').click()")
    wanted = [0, 1, 10, 11]
    at = window.ask(f"{wanted}.map(i => {MAP}.at(i))")
    xs, ys = [x for x, _ in at], [y for _, y in at]
    drag(window, (min(xs) - 9, min(ys) - 9), (max(xs) + 9, max(ys) + 9))
    lines = window.ask(f"{MAP}.csv()").splitlines()
    assert lines[0] == "case_id,cluster,age,origin"
    assert [line.split(",")[0] for line in lines[1:]] == ["case-000", "case-001", "case-010", "case-011"]
    assert window.ask("document.getElementById('map-count').textContent") == "4 of 90 selected"
    assert not window.ask("document.getElementById('map-export').disabled")


def test_no_formula_reaches_a_spreadsheet(window: Browser, page: Path) -> None:
    opened(window, page)
    window.driver.execute_script(f"{MAP}.chosen[89] = 1")
    assert window.ask(f"{MAP}.csv()").splitlines()[1].startswith("'=cmd(),8,89.5,")


def test_dragging_moves_and_the_wheel_holds_its_place(window: Browser, page: Path) -> None:
    opened(window, page)
    before = window.ask(f"{MAP}.at(44)")
    drag(window, (300, 200), (340, 170))
    moved = window.ask(f"{MAP}.at(44)")
    assert moved == pytest.approx([before[0] + 40, before[1] - 30], abs=1)
    left, top = window.ask(
        "(({left, top}) => [left, top])(document.getElementById('map-stage').getBoundingClientRect())"
    )
    told = {"type": "mouseWheel", "x": left + moved[0], "y": top + moved[1], "deltaX": 0, "deltaY": -400}
    window.driver.execute_cdp_cmd("Input.dispatchMouseEvent", told)
    assert window.ask(f"{MAP}.at(44)") == pytest.approx(moved, abs=1)
    assert window.ask(f"{MAP}.at(45)[0] - {MAP}.at(44)[0]") > 60


def test_the_keyboard_reaches_every_case(window: Browser, page: Path) -> None:
    opened(window, page)
    keys(window, "n")
    first = window.ask(f"{MAP}.current()")
    keys(window, "n", " ")
    assert window.ask(f"{MAP}.current()") != first
    assert window.ask(f"{MAP}.chosen.reduce((a, b) => a + b, 0)") == 1
    assert "selected" in window.ask("document.getElementById('map-said').textContent")
    before = window.ask(f"{MAP}.view.scale")
    keys(window, "+", "ArrowLeft")
    assert window.ask(f"{MAP}.view.scale") > before


def test_search_finds_by_part_of_the_id(window: Browser, page: Path) -> None:
    opened(window, page)
    window.driver.execute_script(
        "document.getElementById('map-search').value = '077'; document.getElementById('map-find').requestSubmit()"
    )
    assert window.ask(f"{MAP}.current()") == 77
    assert window.ask("document.getElementById('map-case-id').textContent") == "case-077"


def test_pointing_shows_the_picture(window: Browser, page: Path) -> None:
    opened(window, page)
    x, y = window.ask(f"{MAP}.at(42)")
    left, top = window.ask(
        "(({left, top}) => [left, top])(document.getElementById('map-stage').getBoundingClientRect())"
    )
    window.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": left + x + 2, "y": top + y})
    assert window.ask("document.getElementById('map-tip').hidden") is False
    assert window.ask("document.getElementById('map-tip-id').textContent") == "case-042"
    drawn = "[...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].some((v, k) => k % 4 < 3 && v > 60)"
    seen = f"(c => {drawn})(document.getElementById('map-tip-picture'))"
    window.driver.implicitly_wait(0)
    from selenium.webdriver.support.ui import WebDriverWait

    assert WebDriverWait(window.driver, 5).until(lambda _: window.ask(seen))


def test_a_legend_entry_hides_its_cases(window: Browser, page: Path) -> None:
    opened(window, page)
    window.driver.execute_script("document.querySelector('#map-legend button').click()")
    window.driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    assert window.ask(f"{MAP}.seen()") == 80
    assert window.ask("document.querySelector('#map-legend button').getAttribute('aria-pressed')") == "false"


def test_without_script_there_is_a_still_map_and_a_table(page: Path) -> None:
    html = page.read_text("utf-8")
    still = html.split("<noscript>")[1].split("</noscript>")[0]
    table = html.split("<noscript>")[2].split("</noscript>")[0]
    assert "<svg" in still
    assert table.count("<tr>") == 91


def test_the_whole_map_cuts_no_picture_off(window: Browser, page: Path) -> None:
    """Pictures of 64 pixels with a rim of 2 around the outermost cases, seen whole."""
    opened(window, page)
    window.driver.execute_script(f"{MAP}.fit()")
    corners = [window.ask(f"{MAP}.at({i})") for i in (0, 9, 80, 89)]
    size = window.ask(
        "(({width, height}) => [width, height])(document.getElementById('map-stage').getBoundingClientRect())"
    )
    for place in corners:
        assert all(34 <= at <= side - 34 for at, side in zip(place, size, strict=True))
