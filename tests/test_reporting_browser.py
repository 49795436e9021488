"""The report in a real headless browser: phone and desk, light and dark, and on paper."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from browser import Browser
from isocenter.reporting import render
from studies import STUDIES

SCREENS = [(360, "light"), (360, "dark"), (1280, "light"), (1280, "dark")]
OPEN_ALL = "document.querySelectorAll('details').forEach(d => d.open = true)"
# Elements that reach over the edge of the screen, unless they are inside a container that scrolls by itself.
OVER_THE_EDGE = """[...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll, .hidden, svg'))
  .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map(e => e.tagName + '.' + e.className)"""
# Texts whose contrast with what lies behind them is under 4.5, the AA level of WCAG 2.
FAINT = """(() => {
  const channels = c => { const srgb = c.startsWith('color('), n = c.match(/[\\d.]+/g).map(Number);
    return [...n.slice(0, 3).map(v => srgb ? v : v / 255), n.length > 3 ? n[3] : 1]; };
  const linear = v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = c => { const [r, g, b] = c.slice(0, 3).map(linear);
    return .2126 * r + .7152 * g + .0722 * b; };
  const over = (a, b) => [0, 1, 2].map(i => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
  const behind = e => { if (!e) return [1, 1, 1, 1];
    const c = channels(getComputedStyle(e).backgroundColor);
    return c[3] === 1 ? c : over(c, behind(e.parentElement)); };
  return [...document.querySelectorAll('body *')].filter(e => !e.closest('.ribbon') && e.offsetParent
      && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
    .map(e => { const style = getComputedStyle(e), back = behind(e), front = over(channels(style.color), back);
      const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
      return [(a + .05) / (b + .05), e.tagName + '.' + e.className + ': ' + e.textContent.slice(0, 40)]; })
    .filter(([ratio]) => ratio < 4.5).map(([ratio, what]) => ratio.toFixed(2) + ' ' + what);
})()"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    found = {}
    for name, make in STUDIES.items():
        found[name] = folder / f"{name}.html"
        found[name].write_text(render(make()), "utf-8")
    return found


@pytest.mark.parametrize("width, scheme", SCREENS)
@pytest.mark.parametrize("name", sorted(STUDIES))
def test_page_is_quiet_and_fits(window: Browser, pages: dict[str, Path], name: str, width: int, scheme: str) -> None:
    window.set(width, scheme=scheme)
    window.open(pages[name])
    window.driver.execute_script(OPEN_ALL)
    assert window.requests() == [pages[name].as_uri()]
    assert window.said() == []
    assert window.ask("document.documentElement.clientWidth") == width
    assert window.ask("document.documentElement.scrollWidth") <= width
    assert window.ask(OVER_THE_EDGE) == []
    assert window.ask("[...document.images].every(i => i.complete && i.naturalWidth > 0)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["binary", "crowded", "regression", "three"])
def test_every_text_can_be_read(window: Browser, pages: dict[str, Path], name: str, scheme: str) -> None:
    window.set(1280, scheme=scheme)
    window.open(pages[name])
    window.driver.execute_script(OPEN_ALL)
    assert window.ask(FAINT) == []


def test_schemes_differ_on_page_and_in_charts(window: Browser, pages: dict[str, Path]) -> None:
    seen = {}
    line = "[...document.querySelectorAll('svg.chart path')].find(p => p.style.stroke.includes('series-1'))"
    line = f"getComputedStyle({line}).stroke"
    for scheme in ("light", "dark"):
        window.set(1280, scheme=scheme)
        window.open(pages["binary"])
        text = "getComputedStyle(document.querySelector('svg.chart text')).fill"
        seen[scheme] = window.ask(f"[getComputedStyle(document.body).backgroundColor, {line}, {text}]")
    assert all(a != b for a, b in zip(seen["light"], seen["dark"], strict=True))


def test_hostile_texts_do_nothing(window: Browser, pages: dict[str, Path]) -> None:
    window.set(1280)
    window.open(pages["hostile"])
    assert window.ask("document.scripts.length") == 0
    assert window.ask("document.querySelector('h1').textContent").startswith("<script>alert('x')</script>\"'&<img")
    assert window.ask("[...document.images].every(i => i.src.startsWith('data:image/png'))")


def test_policy_stops_a_script_that_got_in(window: Browser, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    html = render(STUDIES["regression"]())
    page.write_text(html.replace("</main>", "<script>document.title = 'owned'</script></main>"), "utf-8")
    window.open(page)
    assert window.ask("document.title") != "owned"
    assert any("Content Security Policy" in line for line in window.said())


def test_wide_tables_scroll_by_themselves(window: Browser, pages: dict[str, Path]) -> None:
    window.set(360)
    window.open(pages["binary"])
    widths = window.ask("[...document.querySelectorAll('.scroll')].map(e => [e.scrollWidth, e.clientWidth])")
    assert any(inside > outside for inside, outside in widths)
    assert window.ask("[...document.querySelectorAll('.scroll')].every(e => e.tabIndex === 0)")


def test_operating_points_fit_a_desk(window: Browser, pages: dict[str, Path]) -> None:
    """What they cost in cases is not out of sight."""
    window.set(1000)
    window.open(pages["binary"])
    table = "document.querySelector('[aria-label=\"Operating points\"]')"
    assert window.ask(f"{table}.scrollWidth <= {table}.clientWidth")
    assert "false alarms" in window.ask(f"{table}.textContent")


def test_nothing_hides_behind_a_fold_on_paper(window: Browser, pages: dict[str, Path]) -> None:
    window.set(688, scheme="dark", media="print")
    window.open(pages["binary"])
    folded = "[...document.querySelectorAll('details')].map(d => d.lastElementChild.getBoundingClientRect().height)"
    assert min(window.ask(folded)) > 0
    assert window.ask("document.documentElement.scrollWidth") <= 688
    assert window.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert window.ask("getComputedStyle(document.querySelector('nav')).display") == "none"


def test_page_prints(window: Browser, pages: dict[str, Path]) -> None:
    window.set(1280)
    window.open(pages["three"])
    assert base64.b64decode(window.driver.print_page()).startswith(b"%PDF")
