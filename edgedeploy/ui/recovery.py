"""Words for a recovery: what is wrong with the board, what was done, and whether it answers again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from edgedeploy.core.names import printable
from edgedeploy.flows.rescue.finding import Finding
from edgedeploy.flows.rescue.mends import CODES, PATH, RISKS, Mend
from edgedeploy.flows.rescue.result import Result, Tried

_MARKS = {"bad": "- ", "warning": "- ", "note": "  "}
_OUTCOMES = {
    "helped": "done", "no help": "done, but it did not help", "failed": "did not work", "declined": "not done",
    "would": "would be done",
}  # fmt: skip


def diagnosis(who: str, findings: Sequence[Finding]) -> str:
    """Who the board is and what is wrong with it."""
    if not any(one.severity != "note" for one in findings):
        return "\n".join([f"{who}; nothing is wrong there", *_lines(findings)])
    return "\n".join([f"{who}:", *_lines(findings)])


def _lines(findings: Sequence[Finding]) -> list[str]:
    lines = []
    for one in findings:
        lines.append(f"  {_MARKS[one.severity]}{one.words}")
        if one.hint:
            lines.append(f"      {printable(one.hint, 300)}")
    return lines


def offer(mend: Mend) -> str:
    """What will be typed, for the question whether to."""
    typed = [f"    {line}" for line in mend.script.removeprefix(PATH).splitlines()]
    return "\n".join([f"{mend.title}:", *typed] if typed else [mend.title])


def choices(mend: Mend) -> str:
    """What can be answered to the question whether to, what the step does and what it risks."""
    yes = "type these lines on the board" if mend.script else "do it"
    return (
        f"what it does: {CODES[mend.code].partition(' (asked')[0]}\n"
        f"risk: {RISKS[mend.code]}\n"
        f"y: {yes}   n: leave this as it is   Ctrl-C: stop, nothing more is typed"
    )


def outcome(result: Result) -> str:
    """The end: what was done, what is still wrong, and the verdict; behind a good one, what is only to be known."""
    lines = [line for tried in result.tried for line in _tried(tried)]
    left = [one for one in result.findings if one.severity != "note"] if result.tried and not result.dry_run else []
    remarks = [one for one in left if one.severity == "warning" and result.verdict == "reachable"]
    wrong = [one for one in left if one not in remarks]
    if wrong:
        lines += ["still so:", *_lines(wrong)]
    if result.on_air:
        lines.append(f"on air: {', '.join(result.on_air)}")
    return "\n".join([*lines, *verdict(result), *(f"note: {_remark(one)}" for one in remarks)])


def _remark(one: Finding) -> str:
    return f"{one.words} ({printable(one.hint, 300)})" if one.hint else one.words


def _tried(tried: Tried) -> list[str]:
    lines = [f"{tried.mend.title}: {_OUTCOMES[tried.outcome]}"]
    if tried.outcome in ("failed", "no help") or tried.mend.code in ("space", "agent"):
        lines += [f"    {printable(line, 300)}" for line in tried.words]
    if tried.outcome == "would":
        lines += offer(tried.mend).splitlines()[1:]
    return lines


def verdict(result: Result) -> list[str]:
    """Whether it answers, and what to type next. Never a yes without proof."""
    name, push = result.name, f"edgedeploy push {result.app}"
    if result.verdict == "reachable":
        again = " again" if result.cut and not result.dry_run else ""
        out = ["the cable may come out now"] if again else []
        return [f"{name} answers{again} at {result.reached.at} ({result.reached.how}): {push}", *out]
    if result.verdict == "unreachable":
        return [
            f"{name} says that its network is fine, but this laptop cannot reach it: {printable(result.reached.why_not, 300)}",
            "is the laptop on the same network? guests' Wi-Fi often keeps its machines apart",
            f"meanwhile the cable works: {push} --via serial",
        ]
    if result.verdict == "not enrolled":
        return [
            f"{name} says that its network is fine; this laptop has no key to prove it with",
            "enrol it: edgedeploy recover, and say yes to installing the agent",
        ]
    return [
        f"{name} does not answer on the network: {printable(result.reached.why_not, 300)}",
        f"the cable works: {push} --via serial" if result.enrolled else "it is not enrolled on this laptop",
    ]


def as_json(result: Result) -> dict[str, object]:
    """A recovery for a program."""
    return {
        "board": {"id": result.board_id, "name": result.name, "enrolled": result.enrolled},
        "verdict": result.verdict,
        "reachable_at": result.reached.at or None,
        "words": " ".join(verdict(result)),
        "findings": [asdict(one) for one in result.first],
        "still": [asdict(one) for one in result.findings],
        "mends": [
            {
                "code": t.mend.code, "title": t.mend.title, "outcome": t.outcome, "words": list(t.words),
                "script": t.mend.script,
            }
            for t in result.tried
        ],
        "on_air": list(result.on_air),
        "dry_run": result.dry_run,
    }  # fmt: skip
