"""The virtual board: real Xen and a Debian dom0 on an emulated ARM machine, for rehearsals and tests.

`image.ensure` builds the disk image once, `machine.up` boots a board from it.
"""
