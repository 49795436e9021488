"""A real headless Chromium, driven through its driver: what a reader of the report would see."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ARGUMENTS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--hide-scrollbars", "--disable-dev-shm-usage",
)  # fmt: skip


def missing() -> str | None:
    """Why no browser can be started, or None."""
    absent = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"not installed: {', '.join(absent)}" if absent else None


class Browser:
    """One window. Sizes are in CSS pixels."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def set(self, width: int, height: int = 900, scheme: str = "light", media: str = "") -> None:
        """Size of the screen, colour scheme, and "print" for paper."""
        phone = width < 600
        self._command(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 2 if phone else 1, "mobile": phone},
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._command("Emulation.setEmulatedMedia", {"media": media, "features": features})

    def open(self, page: Path) -> None:
        self.driver.get(page.as_uri())

    def ask(self, script: str) -> Any:
        """The value of a JavaScript expression; the driver runs it, so the page's policy does not forbid it."""
        return self.driver.execute_script(f"return ({script})")

    def said(self) -> list[str]:
        """Messages of the console since the last call."""
        return [f"{entry['level']}: {entry['message']}" for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """What was asked for since the last call: the page itself is one; data in it does not count."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        urls = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        return [str(url) for url in urls if not url.startswith("data:")]

    def picture(self, path: Path) -> None:
        """The whole page, however long, as PNG."""
        height = int(self.ask("document.documentElement.scrollHeight"))
        width = int(self.ask("document.documentElement.clientWidth"))
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        taken = self._command("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
        path.write_bytes(base64.b64decode(taken["data"]))

    def _command(self, name: str, arguments: dict[str, Any]) -> Any:
        return self.driver.execute_cdp_cmd(name, arguments)


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A new browser with an empty profile in `profile`; it is closed at the end."""
    from selenium.webdriver import Chrome
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = str(shutil.which("chromium"))
    for argument in (*ARGUMENTS, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=Service(executable_path=str(shutil.which("chromedriver"))))
    try:
        driver.get("about:blank")  # the new tab page of the browser itself asks for a lot
        window = Browser(driver)
        window.requests(), window.said()
        yield window
    finally:
        driver.quit()
