"""The reference is built without a warning, has all public names, and leads nowhere that is not there."""

import html
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from named import NAME, exists

import mcsgd

BUILD = Path(__file__).resolve().parents[2] / "scripts" / "docs" / "build.py"
MODULES = ["mcsgd", *(f"mcsgd.{name}" for name in mcsgd.__all__ if inspect.ismodule(getattr(mcsgd, name)))]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The text of each page, by its path."""
    folder = tmp_path_factory.mktemp("docs")
    done = subprocess.run([sys.executable, str(BUILD), str(folder)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    texts = {path: path.read_text(encoding="utf-8") for path in folder.rglob("*.html")}
    return {path: re.sub("<script.*?</script>", "", text, flags=re.DOTALL) for path, text in texts.items()}


@pytest.fixture(scope="module")
def ids(pages):
    """What can be linked to in each page."""
    return {path: set(re.findall(r'id="([^"]+)"', text)) for path, text in pages.items()}


@pytest.mark.parametrize("module", MODULES)
def test_all_public_names_are_there(module, ids):
    (there,) = (
        found for path, found in ids.items() if str(path).endswith(f"/{module.replace('.', '/')}.html")
    )
    for name in importlib.import_module(module).__all__:
        assert name in there or f"{module}.{name}" in MODULES, name


def test_no_link_is_dead(pages, ids):
    for path, text in pages.items():
        for link in re.findall(r'href="([^"]+)"', text):
            parts = urlsplit(link)
            if not parts.scheme:
                target = (path.parent / parts.path).resolve() if parts.path else path
                assert target in pages, link
                assert parts.fragment in {"", *ids[target]}, link


def test_names_in_the_text_exist(pages):
    """Also those that have no page."""
    for path, text in pages.items():
        code = r'<div class="pdoc-code.*?</div>'
        shown = re.sub(r"<[^>]+>", "", re.sub(code, "", text, flags=re.DOTALL))
        for name in set(NAME.findall(html.unescape(shown))):
            assert exists(name), f"{path.stem}: {name}"


def test_signatures_are_short(pages):
    """Types that numpy writes out in full are named."""
    for text in pages.values():
        signatures = " ".join(re.findall(r'<span class="signature.*?</span>:?</div>', text, re.DOTALL))
        assert "_typing" not in signatures
        assert "dtype" not in signatures
