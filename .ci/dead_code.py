"""Report code that nothing uses: vulture, without what frameworks call and what models declare.

The tests are not read: a function that only a test calls is dead, too.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from vulture import Vulture
from vulture.core import Item

ROOT = Path(__file__).parents[1]
PACKAGES = ("poseline", "components", "pipelines")
COMMANDS = ROOT / "poseline" / "cli" / "app.py"
DECORATORS = ["@app.*", "@*validator", "@*serializer"]
CALLED_BY_LIBRARIES = [
    "__dir__",  # Python, of a module
    "__getattr__",
    "auth_flow",  # httpx
    "daemon_threads",  # socketserver
    "function_before_schema",  # pydantic
    "get_next",  # ONNX Runtime
    "handle_starttag",  # html.parser
    "ignore_aliases",  # PyYAML
    "load_context",  # MLflow
    "log_message",  # http.server
    "model_config",  # pydantic
    "trace",  # __exit__
]


def main() -> int:
    """Print what is dead; return 1 if there is any."""
    dead = list(unused(ROOT))
    for item in dead:
        name = Path(item.filename).relative_to(ROOT)
        sys.stdout.write(f"{name}:{item.first_lineno}: unused {item.typ} {item.name}\n")
    return 1 if dead else 0


def unused(root: Path) -> Iterator[Item]:
    """Yield what nothing below a folder uses."""
    commands = _named_in(COMMANDS)
    vulture = Vulture(ignore_names=[*CALLED_BY_LIBRARIES, *commands], ignore_decorators=DECORATORS)
    vulture.scavenge([str(root / package) for package in PACKAGES if (root / package).is_dir()])
    for item in vulture.get_unused_code():
        line = Path(item.filename).read_text(encoding="utf-8").splitlines()[item.first_lineno - 1]
        if not (_is_field(item, line) or _is_option(item, line)):
            yield item


def _named_in(path: Path) -> list[str]:
    """Return the functions that a module names in strings, since it imports them when called."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return [text.replace("-", "_") for text in texts if isinstance(text, str) and " " not in text]


def _is_field(item: Item, line: str) -> bool:
    """Whether it is a field of a model or a dataclass, which are written and compared whole."""
    return item.typ == "variable" and bool(re.match(rf"\s+{item.name}: ", line))


def _is_option(item: Item, line: str) -> bool:
    """Whether it is set on an object that a library reads."""
    return item.typ == "attribute" and not re.match(rf"\s+self\.{item.name}\b", line)


if __name__ == "__main__":
    sys.exit(main())
