from pathlib import Path

from edgedeploy.lab import qemu

BOOT = qemu.Boot(Path("xen"), Path("vmlinuz"), Path("initrd.cpio"))


def after(argv: list[str], flag: str) -> list[str]:
    return [argv[n + 1] for n, word in enumerate(argv) if word == flag]


def test_dom0_is_pinned_and_memory_not_scrubbed() -> None:
    (xen,) = after(qemu.argv(BOOT, qemu.User(), qemu.Hardware()), "-append")
    assert "dom0_max_vcpus=2 dom0_vcpus_pin" in xen
    assert "bootscrub=0" in xen
    assert "dom0_mem=256M" in xen


def test_forwards_listen_on_this_computer_only() -> None:
    network = qemu.User({"10.0.2.15:22": 2222, "10.0.2.20:80": 8081})
    (netdev,) = after(qemu.argv(BOOT, network, qemu.Hardware()), "-netdev")
    forwards = [option for option in netdev.split(",") if option.startswith("hostfwd")]
    assert forwards == ["hostfwd=tcp:127.0.0.1:2222-10.0.2.15:22", "hostfwd=tcp:127.0.0.1:8081-10.0.2.20:80"]
    assert "restrict" not in netdev


def test_a_tap_brings_no_forwards_and_runs_no_scripts() -> None:
    (netdev,) = after(qemu.argv(BOOT, qemu.Tap("tap7"), qemu.Hardware()), "-netdev")
    assert netdev == "tap,id=net,ifname=tap7,script=no,downscript=no"


def test_a_durable_disk_is_written_back() -> None:
    def cache(durable: bool) -> str:
        return after(qemu.argv(BOOT, qemu.User(), qemu.Hardware(durable=durable)), "-drive")[0].rpartition("cache=")[2]

    assert (cache(False), cache(True)) == ("unsafe", "writeback")


def test_commas_in_file_names_are_doubled() -> None:
    boot = qemu.Boot(Path("/a,b/xen"), Path("/a,b/k"), Path("/a,b/i"))
    argv = qemu.argv(boot, qemu.User(), qemu.Hardware())
    assert after(argv, "-kernel") == ["/a,,b/xen"]
    assert any("kernel=/a,,b/k," in option for option in after(argv, "-device"))
