"""The end of each command's help: lines to copy, and which commands go with it."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "push": (
        ("edgedeploy push", "the repository you stand in, to the board it usually goes to"),
        ("edgedeploy push decks --on stage --dry-run", "what would happen on that board"),
        ("edgedeploy push decks --via serial", "over the cable, where the network is dead"),
    ),
    "status": (
        ("edgedeploy status", "the board that answers"),
        ("edgedeploy status decks", "one app of it"),
        ("edgedeploy status --on stage --json", "one board, for a script"),
    ),
    "rollback": (
        ("edgedeploy rollback", "back to the release before"),
        ("edgedeploy rollback decks 20261123-1407-5c1e0a9d", "back to that one"),
    ),
    "log": (
        ("edgedeploy log", "the last ten deployments"),
        ("edgedeploy log decks -n 3 --json", "the last three, for a script"),
    ),
    "recover": (
        ("edgedeploy recover --dry-run", "what is wrong, and what would be typed"),
        ("edgedeploy recover", "mend it, step by step"),
        ("edgedeploy recover --address 192.168.1.50/24", "give the board an address by hand"),
    ),
    "release": (
        ("edgedeploy release guest/vmlinuz --ramdisk guest/base.cpio --slides slides", "the first one"),
        ("edgedeploy release", "of what [build] in edgedeploy.toml names"),
        ("edgedeploy release --runtime unix server --slides slides", "a program, for a machine without Xen"),
    ),
    "store": (
        ("edgedeploy store --to git@example.org:me/decks-deployment.git", "of what [build] in edgedeploy.toml names"),
        ("edgedeploy store _build/www.xen --to ../decks-deployment.git --dry-run", "what would be stored"),
    ),
    "ci": (
        ("edgedeploy ci init --build xen-armv7=make --store git@example.org:me/decks-deployment.git", "the first time"),
        ("edgedeploy ci init --force", "once more, after [ci] in edgedeploy.toml was edited"),
        ("edgedeploy ci key", "the key that CI stores with, and where its halves go"),
    ),
    "check": (
        ("edgedeploy check vmlinuz --board cubieboard2", "a kernel"),
        ("edgedeploy check --json", "the latest release of the repository you stand in, for a script"),
    ),
    "discover": (
        ("edgedeploy discover", "three seconds on every network of this computer"),
        ("edgedeploy discover --follow --interface eth0", "on one, until Ctrl-C"),
    ),
    "boards": (
        ("edgedeploy boards", "all kinds"),
        ("edgedeploy boards cubieboard2", "one, with everything known of it"),
    ),
    "enrol": (
        ("edgedeploy enrol root@192.168.1.7 --dry-run", "what would be written there"),
        ("edgedeploy enrol root@192.168.1.9 --runtime unix", "a machine without Xen, for programs"),
        ("edgedeploy enrol stage --pull decks=https://example.org/decks.git", "again; from now on it pulls by itself"),
    ),
    "console": (
        ("edgedeploy console", "the board's, over the only adapter there is"),
        ("edgedeploy console decks", "the guest's, over the network"),
        ("edgedeploy console --port /dev/ttyUSB0 --log boot.txt", "kept in a file, too"),
    ),
    "fetch": (
        ("edgedeploy fetch decks", "into decks/, from the board that has it"),
        ("edgedeploy fetch", "the board's commits, into the repository you stand in"),
    ),
    "remove": (
        ("edgedeploy remove decks --dry-run", "what would be gone"),
        ("edgedeploy remove decks --on stage", "off that board; your own repository stays"),
    ),
    "init": (
        ("edgedeploy init decks --slides --address 192.168.1.20/24 --gateway 192.168.1.1", "a talk"),
        ("edgedeploy init web --runtime unix --address 127.0.0.1/8", "a program, to see it by `edgedeploy try`"),
        ("edgedeploy init mail --board cubieboard2 --dir ~/mail", "a service, elsewhere"),
    ),
    "completion": (
        ("edgedeploy completion bash", "the script itself"),
        ("edgedeploy completion fish", "as above"),
    ),
    "try": (
        ("edgedeploy try slides", "the folder of your slides, each change as it is saved"),
        ("edgedeploy try", "a sample talk"),
        ("edgedeploy try slides --port 8090", "where something else has port 8080"),
    ),
    "lab": (
        ("edgedeploy lab up", "boot and enrol a virtual board"),
        ("edgedeploy lab talk decks", "a talk to push to it"),
        ("edgedeploy lab down", "switch it off"),
    ),
}  # fmt: skip
SEE_ALSO = {
    "push": "status, rollback, log, release",
    "status": "log, discover",
    "rollback": "log, push",
    "log": "status, rollback",
    "recover": "console, status",
    "release": "check, push",
    "check": "boards, release",
    "discover": "enrol, status",
    "boards": "check, enrol",
    "enrol": "discover, push",
    "fetch": "push, status",
    "remove": "push, status",
    "console": "recover, lab console",
    "init": "release, push",
    "try": "push, lab",
    "lab": "push, enrol",
}


def epilog(command: str) -> str:
    """As click wants it: \\b keeps the lines as they are."""
    lines = ["\b", "Examples:"]
    for line, says in EXAMPLES.get(command, ()):
        lines += [f"  {line}", f"      {says}"]
    also = [f"See also: {SEE_ALSO[command]}"] if command in SEE_ALSO else []
    return "\n".join(lines) + "\n\n" + "\n".join(also) if len(lines) > 2 else ""
