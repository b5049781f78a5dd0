"""The board's half of the raw probe, typed at nothing: it is put on the board and run by its Python. Stdlib only.

    rawprobe.py up              say READY, take what comes until 2.5 s are silent; the seconds it took and the bytes go to /tmp/rawprobe
    rawprobe.py down SIZE       write SIZE bytes that no console changes
"""

import os
import select
import sys
import time


def up():
    os.write(1, b"READY.")
    got, first = [], 0.0
    while select.select([0], [], [], 2.5 if got else 10.0)[0]:
        first = first or time.monotonic()
        time.sleep(0.02)
        got.append(os.read(0, 65536))
        last = time.monotonic()
    with open("/tmp/rawprobe", "wb") as file:
        file.write(b"%.6f\n" % (last - first) + b"".join(got))


def down(size):
    data = b"".join(b"%07d " % n for n in range(size // 8))
    for start in range(0, len(data), 1024):
        os.write(1, data[start : start + 1024])
        time.sleep(1024 / 12000)  # a little faster than the line: nothing tells a console's writer to wait


up() if sys.argv[1] == "up" else down(int(sys.argv[2]))
