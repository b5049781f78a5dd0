"""Which of a guest's last lines are shown."""

from __future__ import annotations

from edgedeploy.flows import guestwords

PANIC = [
    "[    1.201000] Run /init as init process",
    "edgedeploy-guest: no /www/index.html in the ramdisk",
    "[    1.502111] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100",
    "[    1.503000] CPU: 0 PID: 1 Comm: init Not tainted 6.1.0",
    "[    1.504000] Hardware name: Generic DT based system",
]


def test_the_guests_own_sentence_is_shown_and_the_kernels_chatter_is_for_who_asks() -> None:
    shown, more = guestwords.split(PANIC)
    assert shown == ("guest: edgedeploy-guest: no /www/index.html in the ramdisk",)
    assert len(more) == 4


def test_a_guest_without_words_of_its_own_is_known_by_its_kernels_reason() -> None:
    shown, more = guestwords.split([line for line in PANIC if line.startswith("[")])
    assert shown == (f"guest: {PANIC[2]}",)
    assert len(more) == 3


def test_where_nothing_is_known_the_last_words_are_shown() -> None:
    assert guestwords.split([*PANIC[3:], "<6>[ 2.0] bye"]) == (
        (f"guest: {PANIC[3]}", f"guest: {PANIC[4]}", "guest: <6>[ 2.0] bye"), (),
    )  # fmt: skip
    assert guestwords.split([]) == ((), ())


def test_what_every_kernel_says_under_xen_is_no_ones_last_words() -> None:
    assert guestwords.split(["[    0.362572] /cpus/cpu@0 missing clock-frequency property"]) == ((), ())
