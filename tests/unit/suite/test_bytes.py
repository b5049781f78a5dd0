"""What other programs wrote is no UTF-8 until it has proven to be, and a line of git's ends in a newline alone.

`str.splitlines` ends lines at form feeds, U+0085 and U+2028 too, which may stand in any file's name.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import edgedeploy

PACKAGE = Path(edgedeploy.__file__).parent
OURS = {
    "agent/compiled.py": "our own zip's first line",
    "core/announce.py": "a constant's",
    "core/link.py": "digits that were matched, and a codec of our own",
    "core/linkcodec.py": "a number of our own frames",
    "core/linkflow.py": "a codec of our own",
    "core/scan.py": "a digit that was matched",
    "flows/lab.py": "our own recipe's files",
    "lab": "our own machine",
    "remote/pushkey.py": "what cryptography just made",
    "remote/strip.py": "our own sources",
    "remote/agentkit.py": "our own sources",
    "wires/trust.py": "base64",
}
GITS = ("depot/", "agent/gitrepo.py", "agent/worktree.py", "agent/overwritten.py", "agent/pull.py", "agent/gitmend.py")


def calls(text: str) -> Iterator[tuple[int, str, ast.Call]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.lineno, node.func.attr, node


def faults(name: str, text: str) -> list[str]:
    found = []
    for line, method, call in calls(text):
        tolerant = any(keyword.arg == "errors" for keyword in call.keywords) or len(call.args) > 1
        strict = call.args[:1] and isinstance(call.args[0], ast.Constant) and call.args[0].value == "latin-1"
        if method == "decode" and not (tolerant or strict):
            found.append(f"{name}:{line}: .decode() without errors=")
        if method == "splitlines" and name.startswith(GITS):
            found.append(f"{name}:{line}: .splitlines() of what git may have said")
    return found


def test_nothing_from_outside_is_taken_for_utf8_and_no_name_of_git_is_split() -> None:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name not in OURS and name.partition("/")[0] not in OURS:
            found += faults(name, path.read_text(encoding="utf-8"))
    assert found == []


def test_the_rule_sees_what_it_is_for() -> None:
    text = "a.decode()\nb.decode('ascii')\nc.splitlines()\nd.decode(errors='replace')\ne.decode('utf-8', 'replace')\n"
    assert [fault.split(": ")[0] for fault in faults("depot/x.py", text)] == ["depot/x.py:1", "depot/x.py:2", "depot/x.py:3"]
    assert len(faults("wires/x.py", text)) == 2
