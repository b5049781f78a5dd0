"""F2: the virtual board: real Xen on an emulated ARM machine (QEMU), built from Debian's packages."""
