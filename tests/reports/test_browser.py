"""Pages in headless Chromium: figures have a size, nothing is fetched, nothing complains, a phone suffices."""

import functools
import html
import json
import re
import shutil
import subprocess

import pytest
from page_runs import make_run

from mcsgd.reports import report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium to open pages in (scripts/ci_tools.sh installs it)"
)

# A window of Chromium is at least 500 pixels wide: the page is in a frame of the width of a phone, whole and
# with its own policy, and the script that looks at it is outside.
FRAME = """<!DOCTYPE html>
<iframe id="page" width="{width}" height="800" srcdoc="{page}"></iframe>
<script>
addEventListener("load", () => {{
  const frame = document.getElementById("page"), inside = frame.contentWindow, page = frame.contentDocument;
  const size = (element) => {{ const box = element.getBoundingClientRect(); return [box.width, box.height]; }};
  const style = (selector, name) => inside.getComputedStyle(page.querySelector(selector))[name];
  const found = {{
    figures: [...page.querySelectorAll("figure svg")].map(size),
    drawn: [...page.querySelectorAll("figure svg > g")].map(size),
    width: page.documentElement.clientWidth,
    scrolled: page.documentElement.scrollWidth,
    fetched: inside.performance.getEntriesByType("resource").map((entry) => entry.name),
    colours: [style("body", "color"), style("body", "backgroundColor"), style("figcaption", "color")],
    whole: page.querySelector("figure") && style("figure", "breakInside"),
    title: page.title,
  }};
  document.body.setAttribute("data-found", JSON.stringify(found));
}});
</script>
"""


def look(page, folder, width=360, *options):
    """Return what is found in a page in a frame so wide, and what Chromium says of it."""
    path = folder / "frame.html"
    path.write_text(FRAME.format(width=width, page=html.escape(page)), encoding="utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += [
        f"--user-data-dir={folder / 'profile'}",
        "--enable-logging=stderr",
        "--disable-component-update",
    ]
    command += ["--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND", *options]
    command += ["--virtual-time-budget=5000", "--dump-dom"]
    result = subprocess.run(
        [*command, path.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    match = re.search('data-found="(.*?)"', result.stdout)
    assert match, result.stderr
    return json.loads(html.unescape(match[1])), [
        line for line in result.stderr.splitlines() if "CONSOLE" in line
    ]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")

    @functools.cache
    def page_of(kind):
        page = folder / f"{kind}.html"
        return report(make_run(kind, folder / kind), page).read_text(encoding="utf-8")

    return page_of


@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("kind", ["full", "diverged", "many parameters"])
def test_page(kind, width, pages, tmp_path):
    page = pages(kind)
    found, console = look(page, tmp_path, width)
    assert console == []
    assert found["fetched"] == []
    assert len(found["figures"]) == page.count("<figure>") > 1
    for sizes in (found["figures"], found["drawn"]):
        assert all(across > 200 and down > 150 for across, down in sizes)
    assert found["width"] == width
    assert found["scrolled"] <= width  # not sideways; tables scroll in their own box
    assert found["whole"] == "avoid"  # no page break within a figure


def contrast(one, other):
    """The contrast of two colours as in the Web Content Accessibility Guidelines."""

    def luminance(colour):
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("scheme", "dark"), [("0", True), ("1", False)])
def test_text_is_legible_in_dark_and_light(scheme, dark, pages, tmp_path):
    found, _ = look(pages("full"), tmp_path, 360, f"--blink-settings=preferredColorScheme={scheme}")
    text, background, caption = found["colours"]
    assert (contrast(background, "rgb(0, 0, 0)") < 3) is dark
    assert min(contrast(text, background), contrast(caption, background)) > 4.5  # level AA


def test_what_is_wrong_is_found(pages, tmp_path):
    """What the tests above look for is there in a page that does it: an empty figure, a wide box, a fetch."""
    page = pages("full")
    wrong = page.replace("<svg role", '<svg style="width: 0; height: 0" role', 1)
    wrong = wrong.replace("</main>", '<div style="width: 900px">x</div></main>')
    fetch = '<img src="https://example.org/x.png"></main>'
    found, console = look(wrong.replace("</main>", fetch), tmp_path)
    assert found["figures"][0] == [0, 0]
    assert found["scrolled"] > 900
    assert len(console) == 1
    assert "Content Security Policy" in console[0]
    without_policy = re.sub("<meta http-equiv=.*?>", "", page)
    fetching, _ = look(without_policy.replace("</main>", fetch), tmp_path)
    assert fetching["fetched"] == ["https://example.org/x.png"]
