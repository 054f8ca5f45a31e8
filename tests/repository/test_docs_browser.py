"""The documentation's site in a real browser, from disk; skipped where there is none or the site is not built."""

from pathlib import Path

import pytest

SITE = Path(__file__).resolve().parents[2] / "build" / "docs"

LOOK = """() => {
    const width = document.documentElement.clientWidth, scrolls = node =>
        node.tagName !== 'ARTICLE' && (getComputedStyle(node).overflowX !== 'visible' || scrolls(node.parentElement));
    const own = [...document.querySelectorAll('a[href*="#"]')].filter(a => a.pathname === location.pathname);
    return {
        wide: [...document.querySelectorAll('article *')].filter(node =>
            node.getBoundingClientRect().right > width + 1 && !scrolls(node.parentElement)).map(node => node.outerHTML),
        broken: [...document.images].filter(image => !image.naturalWidth).map(image => image.src),
        dead: own.map(a => decodeURIComponent(a.hash.slice(1))).filter(id => id && !document.getElementById(id)),
    };
}"""


@pytest.mark.skipif(not (SITE / "index.html").exists(), reason="the site is not built: make docs")
def test_the_site_fits_a_phone_and_asks_the_network_for_nothing(browser):
    context, said = browser.new_context(viewport={"width": 400, "height": 800}), []
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(("file:", "data:")) else said.append(request.url))
    for path in sorted(SITE.glob("[a-z]*.html")):  # 404.html is for servers
        page.goto(path.as_uri())
        assert page.evaluate(LOOK) == {"wide": [], "broken": [], "dead": []}, path.name
    context.close()
    assert not said
