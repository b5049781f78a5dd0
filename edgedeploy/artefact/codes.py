"""Every code that a check can give, with its meaning. `--json` users rely on them: a code keeps its meaning for ever.

To add one: a line here, and an example in tests/misfits.py; a test names whichever is missing, and docs/misfits.md is
made from the two. Laptop only: the board sends codes, and people read them here.
"""

from __future__ import annotations

MISFITS = {
    # the file
    "empty": "The file is empty, or nothing but zeros.",
    "unknown": "The file is no kernel at all. The line says what it is, where that can be told.",
    "web-page": "A web page was saved in place of the file: an error page, mostly.",
    "lfs-pointer": "The repository holds a pointer of git-lfs or git-annex; the content was not fetched.",
    "initramfs": "The file is a ramdisk, given where the kernel belongs.",
    "uimage": "A kernel wrapped for U-Boot. Xen's toolstack has no loader for it.",
    "fit": "A U-Boot FIT image. Xen's toolstack has no loader for it.",
    "dtb": "A device tree, not a kernel.",
    "zboot": "An arm64 kernel packed inside a UEFI program. Xen's toolstack has no loader for it.",
    "efi-program": "A program that only UEFI can start: a boot loader, for example.",
    "hypervisor": "The file is Xen itself. Its header is that of a guest, so `xl` would load it.",
    # packing
    "nested": "The file is packed twice; one layer is taken off, no more.",
    "bomb": "It unpacks to more than any kernel is.",
    "codec-corrupt": "The packed data is damaged or was cut off.",
    "codec-unsupported": "Packed in a way that cannot be unpacked here, or not in the memory that a board has.",
    "gz-trailer": "Something else follows the gzip data.",
    # architecture
    "board-cannot": "This kind of board runs no Xen guests at all.",
    "wrong-arch": "Built for another kind of processor, such as a PC's.",
    "arm64-on-armv7": "A 64-bit ARM kernel for a board that runs 32-bit ones.",
    "arm32-unsupported": "A 32-bit ARM kernel for a board that runs only 64-bit ones.",
    "cpu-level": "Built for an ARM processor older than ARMv7.",
    "endian": "Built big-endian; Xen starts guests little-endian.",
    "page-size": "Built for a page size that the board's processor does not have.",
    # format
    "elf": "An ELF file. Xen's toolstack loads no ELF on ARM.",
    "elf-needs-objcopy": "An ELF file with the right header inside: it has to be flattened.",
    "elf-userland": "A program, a module or an object file, not a kernel.",
    "solo5-target": "A Solo5 unikernel built for another monitor than Xen.",
    "header": "The kernel's header contradicts itself.",
    "truncated": "The file ends before its header says. `xl` would load it all the same.",
    "start-addr": "Linked for an address where Xen does not load it.",
    "text-offset": "The header asks for a place that is not on a page boundary.",
    "appended-dtb": "A board's device tree follows the kernel, which would use it instead of Xen's.",
    "payload": "The compressed kernel inside the zImage does not unpack.",
    "no-xen": "No Xen hypercall in its code: it would start and then stay silent.",
    # a program, for runtime = "unix"
    "no-runtime": "The board does not start releases in that way: it has no Xen, or runs guests of Xen alone.",
    "no-program": "The file is no executable.",
    "kernel-as-program": "The file is a kernel, which no machine runs as a process.",
    "no-interpreter": "What loads the program, or reads the script, is not on the board.",
    "no-library": "A library that the program names is not on the board.",
    # what the guest is given
    "guest-memory": "The guest is given too little memory to load, or to live after loading.",
    "too-big": "No amount of memory would do, or the file is larger than any kernel.",
    "host-memory": "The board has not as much memory to give.",
    "vcpus": "More virtual CPUs than Xen allows there, or none.",
    "ramdisk": "The ramdisk is none, is damaged, or is too large.",
    "bridge": "The guest's network bridge is not on the board.",
    "address": "The guest's address is none of the network that its bridge leads to.",
    "address-taken": "Another machine, or another guest, answers at the guest's address already.",
    "gic-version": "The board cannot show the guest that kind of interrupt controller.",
    # what an original xl.conf.in asks for
    "passthrough": "The guest is to get hardware of the board for itself, which a release cannot carry.",
    "disk": "The guest expects a disk, which a release cannot carry.",
    "device": "The guest expects another device that a release cannot carry.",
    "guest-type": "A kind of guest that does not exist on ARM.",
    "option-value": "A value that cannot be read, or that edgedeploy cannot give the guest.",
}
WARNINGS = {
    "trailing": "Bytes follow the kernel's end.",
    "xen-unseen": "The kernel's code could not be read, so nobody knows whether it can be a Xen guest.",
    "codec-on-board": "Packed in a way that this computer can unpack and most boards cannot.",
    "ramdisk-joined": "The ramdisk is several archives, not all packed alike, and is not unpacked before it reaches the guest.",
    "memory-tight": "Enough memory to start, little to live.",
    "vcpus-shared": "More virtual CPUs than the board has real ones.",
    "small-version": "It fits the usual version of the board, but not the one with the least memory.",
    "no-console": "A Linux guest whose messages nobody will see.",
    "option-unknown": "`xl` knows no such option.",
    "option-ignored": "An option that is left out; the guest starts all the same.",
    "on-crash": "It would start a guest that crashes at boot again and again, for ever; it is not taken over.",
    "cmdline-wins": "Of two ways to write the kernel's command line only one counts.",
    "vif-bridge": "A network card without a bridge: the usual one is taken.",
    "bridge-differs": "Another network bridge than is usual on that kind of board, and no board was asked whether it has it.",
    "kernel-replaced": "Another kernel than the release's is named; the release's is started.",
    "board-differs": "The board says it is of another kind than the profile.",
}
