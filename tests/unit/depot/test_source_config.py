"""edgedeploy.toml of a source repository, without what is about building."""

from __future__ import annotations

import pytest

from edgedeploy.core import errors
from edgedeploy.depot.source_config import taken_over

APP = 'app = "decks"  # ours\nboards = ["virtual-armv7"]\n'
NET = '\n[network]\naddress = "10.0.2.20/24"\n'


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (APP, APP),
        (APP + NET, APP + NET),
        (APP + '\n# of what\n[build]\nkernel = "k"\n' + NET, APP + NET),
        (APP + NET + '\n# of what\n# it is made\n  [build] # here\nkernel = "k"\nslides = "s"', APP + NET),
        (APP + '[build]\nkernel = "k"\n\n# the hall\n[domain]\nmemory = 64\n', APP + "# the hall\n[domain]\nmemory = 64\n"),
        (APP + "[ci.a]\nbuild = \'\'\'\n[ -f x ] && make\n[network]\n\'\'\'\n" + NET, APP + NET),
        (APP + '[ "build" ]\nkernel = "k"\n' + NET, APP + NET.removeprefix("\n").join(("", ""))),
    ],
)
def test_what_is_left(text, left):
    assert taken_over(text.encode(), "here").decode().split() == left.split()


def test_bytes_in_comments_stay():
    raw = APP.encode() + b"# caf\xe9\n[domain]\nmemory = 64\n[build]\nkernel = 'k'\n"
    assert taken_over(raw, "here") == APP.encode() + b"# caf\xe9\n[domain]\nmemory = 64\n"


@pytest.mark.parametrize("text", ['build.kernel = "k"\n' + APP, 'build = { kernel = "k" }\n' + APP])
def test_what_cannot_be_left_out_is_told(text):
    with pytest.raises(errors.BadConfig, match=r"\[build\]"):
        taken_over(text.encode(), "here")


def test_a_text_that_looks_like_a_table_is_not_cut():
    with pytest.raises(errors.EdgeError):
        taken_over((APP + '[domain]\ncmdline = """\n[build]\nx"""\n').encode(), "here")
