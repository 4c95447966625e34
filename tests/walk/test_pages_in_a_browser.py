"""The pages in a real browser, by keyboard: an owner takes an issue from acknowledged to closed."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from integrity.pages.application import build_pages
from integrity.pages.visitor import Visitor
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.ui import Select, WebDriverWait
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount

REGIONAL, ABRUZZO = "regional_hospital_activity", "13"
OWNER = "capacity-planning@example.org"
FIRST = "IG-00001"

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module", autouse=True)
def programs(have_programs: Callable[[dict[str, str]], None]) -> None:
    have_programs({"chromium": "chromium", "chromedriver": "chromium-driver"})


@pytest.fixture
def address(settled: Any, real: Any) -> Iterator[str]:
    """Where the pages are served; on the night of the 29th a region was missing."""
    settled.send(REGIONAL, real(REGIONAL, 29).drop(ABRUZZO), 29)
    settled.run(REGIONAL, 29)

    async def recognise(request: Request) -> Visitor | None:
        return Visitor(OWNER, lambda _: True, lambda _: True)

    pages = build_pages(settled.settings, recognise, form_key="of the test's")
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        app = Starlette(routes=[Mount("/integrity", pages)])
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
        serving = threading.Thread(target=server.run, kwargs={"sockets": [reserved]}, daemon=True)
        serving.start()
        yield f"http://127.0.0.1:{reserved.getsockname()[1]}/integrity"
        server.should_exit = True
        serving.join(20)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    switches = ("headless=new", "no-sandbox", "disable-gpu", "disable-background-networking", "window-size=1280,900")
    for switch in switches:
        options.add_argument(f"--{switch}")
    options.add_argument(f"--user-data-dir={tmp_path / 'browser'}")
    options.binary_location = str(shutil.which("chromium"))
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    yield driver
    driver.quit()


def focus_on(browser: Any, css: str) -> Any:
    """Get to an element with the tabulator key alone, and see that it shows that it has the focus."""
    wanted = browser.find_element(By.CSS_SELECTOR, css)
    for _ in range(80):
        webdriver.ActionChains(browser).send_keys(Keys.TAB).perform()
        if browser.switch_to.active_element == wanted:
            assert wanted.value_of_css_property("outline-style") != "none"
            return wanted
    raise AssertionError(f"the keyboard does not get to {css}")


def press(browser: Any, element: Any) -> None:
    """Press Enter on what leads to another page, and be there.

    Until the other page has come, the browser answers from the one that is being left: what is found there is gone
    a moment later, and a text that both have proves nothing.
    """
    left = browser.find_element(By.TAG_NAME, "html")
    element.send_keys(Keys.ENTER)
    await_that(browser, staleness_of(left))
    await_that(browser, lambda b: b.execute_script("return document.readyState") == "complete")


def await_that(browser: Any, condition: Callable[[Any], Any]) -> None:
    """Wait until it holds; that a page goes while it is asked about is no answer."""
    WebDriverWait(browser, 60, ignored_exceptions=[WebDriverException]).until(condition)


def says(browser: Any, text: str) -> bool:
    return text in browser.find_element(By.TAG_NAME, "main").text


def move(name: str) -> str:
    return f'form[action$="/{name}"]'


def test_an_owner_takes_an_issue_from_acknowledged_to_closed_by_keyboard(
    address: str, browser: Any, settled: Any, real: Any
) -> None:
    browser.get(f"{address}/issues")
    press(browser, focus_on(browser, f'td a[href$="{FIRST}"]'))
    assert says(browser, "population complete")
    press(browser, focus_on(browser, f"{move('acknowledge')} button"))
    assert says(browser, "Those who follow this issue are told.")
    settled.send(REGIONAL, real(REGIONAL, 29), 29)
    settled.run(REGIONAL, 29)
    browser.refresh()
    focus_on(browser, f"details:has({move('close')}) summary").send_keys(Keys.ENTER)
    form = browser.find_element(By.CSS_SELECTOR, move("close"))
    form.find_element(By.NAME, "resolution").send_keys(" They sent it again.")
    Select(form.find_element(By.NAME, "cause")).select_by_value("export")
    press(browser, form.find_element(By.CSS_SELECTOR, "button"))
    assert says(browser, "Closed.")
    assert settled.query("SELECT status, root_cause FROM register.issues") == [
        {"status": "closed", "root_cause": "export"}
    ]
    refused = [entry for entry in browser.get_log("browser") if "favicon" not in entry["message"]]
    assert refused == [], "the pages ask for nothing that their own policy forbids"


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_readable_at_any_width_by_day_and_by_night(
    address: str, browser: Any, width: int, scheme: str
) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    for path in ("/issues", f"/issues/{FIRST}", "/dependencies", f"/dependencies/{REGIONAL}"):
        browser.get(address + path)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width, path
        faint = browser.execute_script(_CONTRAST)
        assert faint == [], f"{path}: too faint to read"


_CONTRAST = """
const channel = c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const parts = c => c.match(/[0-9.]+/g).map(Number);
const light = c => { const [r, g, b] = parts(c).map(channel); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const behind = e => {
  for (; e; e = e.parentElement) {
    const c = getComputedStyle(e).backgroundColor, p = parts(c);
    if (p.length < 4 || p[3] > 0) return c;
  }
  return "rgb(255, 255, 255)";
};
const faint = [];
for (const e of document.querySelectorAll("body *")) {
  const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  if (!own || e.closest(".unseen") || !e.checkVisibility() || e.tagName === "OPTION") continue;
  const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
  if ((a + 0.05) / (b + 0.05) < 4.5) faint.push(e.tagName + ": " + e.textContent.trim().slice(0, 40));
}
return faint;
"""
"""Texts whose contrast is less than 4.5 to 1 (WCAG 2.2, 1.4.3)."""
