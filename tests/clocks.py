"""`make check`: no test decides by the wall clock. Every look at a clock outside tests/guard.py is refused by name.

What a line may say to be let through: `# clock: REASON`, for what is no test of time (a file's date, a peer's own now).
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

GUARD = "tests/guard.py"
LOOKS = {
    "time": {
        "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "time", "time_ns", "process_time",
        "process_time_ns", "clock_gettime", "sleep",
    },
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
    "resource": {"getrusage"},
    "os": {"times"},
}  # fmt: skip
_REASON = re.compile(r"#\s*clock:\s*\S+")


def faults(name: str, text: str) -> Iterator[str]:
    """One line for each look at a clock in a test's source `text` that gives no reason."""
    lines = text.splitlines()
    tree = ast.parse(text, name)
    plain = {
        alias.asname or alias.name: f"time.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "time"
        for alias in node.names
        if alias.name in LOOKS["time"]
    }
    modules = {
        alias.asname or alias.name: "time"
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name == "time"
    } | {name: name for name in ("datetime", "date", "resource", "os")}
    for where, node in _calls(tree, "module"):
        look = _look(node, modules, plain)
        if not look or _REASON.search(lines[node.lineno - 1]):
            continue
        way = (
            "tests/guard.py has until, Guard and let_pass"
            if look == "time.sleep"
            else "decide by an event or a clock handed in"
        )
        yield f"{name}:{node.lineno}: {where} calls {look}(); {way}"


def _calls(node: ast.AST, where: str) -> Iterator[tuple[str, ast.Attribute | ast.Name]]:
    """Every attribute and name that is read, with the function it stands in."""
    for child in ast.iter_child_nodes(node):
        inside = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else where
        if isinstance(child, ast.Attribute | ast.Name) and isinstance(child.ctx, ast.Load):
            yield inside, child
        yield from _calls(child, inside)


def _look(node: ast.Attribute | ast.Name, modules: dict[str, str], plain: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return plain.get(node.id, "")
    owner = node.value.id if isinstance(node.value, ast.Name) else getattr(node.value, "attr", "")
    module = modules.get(owner, "")
    return f"{module}.{node.attr}" if node.attr in LOOKS.get(module, ()) else ""


def main() -> int:
    """Print what is refused; the exit status is whether there is any."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "tests/*.py"], capture_output=True, text=True, check=True
    )
    names = [name for name in listed.stdout.splitlines() if name != GUARD and Path(name).exists()]
    found = [fault for name in names for fault in faults(name, Path(name).read_text())]
    print("\n".join(found) or f"no test looks at a clock ({len(names)} files)")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
