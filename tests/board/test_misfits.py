"""What `xl` takes and what then hangs is refused by the board itself, with the deck on air. Real Xen, real kernels."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests import kernels
from tests.board.stage import GUARD_S, Situation, Stage, get

pytestmark = pytest.mark.board


def _wrong_start(good: bytes) -> bytes:
    return good[:0x28] + struct.pack("<I", 0x60008000) + good[0x2C:]


def _cut(good: bytes) -> bytes:
    return good[: len(good) // 2]


def _damaged(good: bytes) -> bytes:
    at = len(good) // 2
    return good[:at] + bytes(byte ^ 0x55 for byte in good[at : at + 4096]) + good[at + 4096 :]


def _boards_tree(good: bytes) -> bytes:
    return good + kernels.fdt() + b"\0" * 4096


def _no_xen(good: bytes) -> bytes:
    return kernels.zimage(b"\xfe\xff\xff\xea" * 4096)  # `b .`, which no toolstack can tell from a kernel


UNFIT = {
    "start-addr": (_wrong_start, "start address"),
    "truncated": (_cut, "size"),
    "payload": (_damaged, "content"),
    "appended-dtb": (_boards_tree, "device tree"),
    "no-xen": (_no_xen, "Xen support"),
}


@pytest.fixture(scope="module")
def images(live: Situation, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One file a code, made of the talk's own kernel; "fits" is that kernel."""
    good = (live.folder / "decks/guest/vmlinuz").read_bytes()
    folder = tmp_path_factory.mktemp("unfit")
    made = {"fits": folder / "fits"}
    made["fits"].write_bytes(good)
    for code, (spoil, _) in UNFIT.items():
        made[code] = folder / code
        made[code].write_bytes(spoil(good))
    return made


def test_xl_takes_them_all_and_none_of_them_ever_speaks(stage: Stage, images: dict[str, Path]) -> None:
    """The premise, and so the reason for the check: five domains that `xl create` reports as made, and that stay mute."""
    stage.board("mkdir -p /tmp/unfit")
    for name, path in images.items():
        config = (
            f'name="{name}"\\nkernel="/tmp/unfit/{name}"\\nmemory=40\\nextra="console=hvc0"\\non_crash="preserve"\\n'
        )
        put = stage.machine.run(
            f"cat > /tmp/unfit/{name}; printf '{config}' > /tmp/unfit/{name}.cfg", stdin=path.read_bytes()
        )
        assert put.returncode == 0, put
    took = None
    for name in images:  # `fits` first: it proves that what follows would be heard, and how long that takes
        stage.board(f"xl create -p /tmp/unfit/{name}.cfg")
        stage.board(f"setsid xl console {name} > /tmp/unfit/{name}.out 2>&1 < /dev/null & sleep 1; xl unpause {name}")
        turns = (
            600 if took is None else max(10, 2 * took)
        )  # of a second on the board's own clock, which slows as it does
        heard = f"n=0; until grep -q Linux /tmp/unfit/{name}.out; do n=$((n+1)); [ $n -lt {turns} ] || exit 1; sleep 1; done; echo $n"
        done = stage.machine.run(heard, timeout=10 * GUARD_S)
        assert (done.returncode == 0) == (name == "fits"), (name, done)
        took = int(done.stdout) if took is None else took
        stage.board(f"xl destroy {name}")


def test_the_board_refuses_them_by_itself_and_the_deck_stays_on_air(puller: Stage, images: dict[str, Path]) -> None:
    domain, page = puller.domain(), get(puller.url())
    assert page
    for code, (_, field) in UNFIT.items():
        release = puller.release(str(images[code]), "--force")  # nobody has looked at it on a laptop
        puller.git("push", "-q", "origin", "main")
        done = puller.machine.run("edgedeploy-agent pull decks", timeout=GUARD_S)
        assert done.returncode == 20, (code, done)
        said = done.stderr.decode()
        assert f"decks {release} does not fit this board; nothing was touched" in said
        assert f"{field}: " in said, said
        assert puller.domain() == domain, code
        assert get(puller.url()) == page, code
    refused = puller.run("push", str(puller.talk), "--no-release")
    assert refused.status == 20, "and the laptop refuses the last of them without asking the board"
    puller.edit("after five that do not fit")
    puller.git("push", "-q", "origin", "main")
    puller.board("edgedeploy-agent pull decks", timeout=GUARD_S)
    assert "after five that do not fit" in get(puller.url())
