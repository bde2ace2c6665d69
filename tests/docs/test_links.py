"""Links in every Markdown file lead somewhere: to files of the project and to headings in them."""

import re
import subprocess
from urllib.parse import unquote

import pytest
from support.samples import ROOT

HOME = "https://github.com/poseline/poseline/blob/main/"
FOLDERS = "https://github.com/poseline/poseline/tree/main/"
_LISTED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
    cwd=ROOT,
    capture_output=True,
    text=True,
    check=True,
)
PAGES = sorted(_LISTED.stdout.split())


def prose(text):
    """Return Markdown without its code."""
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.S)


def anchors(path):
    """Return the fragments that the headings of a page have."""
    titles = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", path.read_text(), flags=re.S), re.M)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title) for title in titles]
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in plain}


def targets(page):
    text = prose((ROOT / page).read_text())
    found = re.findall(r"\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$", text, re.MULTILINE)
    return [inline or reference for inline, reference in found]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for target in targets(page):
        name, _, fragment = target.partition("#")
        for prefix in (HOME, FOLDERS):
            if name.startswith(prefix):
                path = ROOT / unquote(name.removeprefix(prefix))
                break
        else:
            if re.match(r"[a-z]+:", name):
                continue
            path = (ROOT / page).parent / unquote(name) if name else ROOT / page
        assert path.exists(), target
        if fragment:
            assert fragment in anchors(path), target
