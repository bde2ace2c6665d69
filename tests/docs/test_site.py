"""The documentation builds, without a warning and without requests to other hosts."""

import re
import shutil
import subprocess
import sysconfig
import tomllib
from html.parser import HTMLParser

import pytest
from support.samples import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    root = tmp_path_factory.mktemp("site")
    for name in ("docs", "zensical.toml", "ARCHITECTURE.md"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, root / name)
    zensical = shutil.which("zensical", path=sysconfig.get_path("scripts"))
    done = subprocess.run(
        [zensical, "build", "--strict", "--clean"], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return root / "site"


def pages(entry):
    """Yield the files that a part of the navigation names."""
    for value in entry.values() if isinstance(entry, dict) else entry:
        if isinstance(value, str):
            yield value
        else:
            yield from pages(value)


def test_every_page_is_in_the_navigation():
    nav = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"]
    written = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    assert set(pages(nav)) == written


class Requests(HTMLParser):
    """Collects what a browser fetches from elsewhere."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        loads = tag in ("script", "img", "iframe") or "stylesheet" in (named.get("rel") or "")
        address = named.get("src") or named.get("href") or ""
        if loads and re.match(r"(https?:)?//", address):
            self.found.append(address)


def test_pages_load_nothing_from_other_hosts(site):
    for path in site.rglob("*.html"):
        requests = Requests()
        requests.feed(path.read_text())
        assert not requests.found, path
