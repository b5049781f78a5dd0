"""edgedeploy.toml for another runtime."""

from __future__ import annotations

import pytest

from edgedeploy.core import errors, project
from edgedeploy.core.names import AppName, ProfileName
from edgedeploy.depot import runtimeline, scaffold


def test_what_init_wrote_for_xen_is_a_programs_afterwards_and_every_other_byte_as_it_was() -> None:
    text = scaffold.settings(scaffold.Plan(AppName("decks"), ProfileName("cubieboard2"))).decode()
    said = runtimeline.saying(text, "unix")
    config = project.loads(said.encode())
    assert (config.runtime, config.boards, config.domain.vifs, config.domain.cmdline) == ("unix", ("unix-host",), (), "")
    lines = zip(text.splitlines(), said.splitlines(), strict=True)
    changed = [new for old, new in lines if old != new]
    assert [line.lstrip("# ").split()[0] for line in changed] == ["runtime", "boards", "vcpus", "bridge", "cmdline"]
    assert all(line.startswith("# ") for line in changed[2:])
    assert project.loads(runtimeline.saying(said, "xen").encode()).runtime == "xen"


def test_a_line_that_is_not_there_is_added_and_arguments_stay() -> None:
    said = runtimeline.saying('app = "a"\n[domain]\ncmdline = "--verbose"  # mine\n', "unix")
    assert said == 'app = "a"\nruntime = "unix"\n[domain]\ncmdline = "--verbose"  # mine\n'


@pytest.mark.parametrize("text", ['domain = {bridge = "br0"}\napp = "a"\n', "\"app\" = \"a\"\n", 'app = "a"\nruntime = 3\n'])
def test_what_cannot_be_done_by_lines_is_told(text: str) -> None:
    with pytest.raises(errors.BadConfig, match="cannot be made to say runtime = 'unix' here") as caught:
        runtimeline.saying(text, "unix")
    assert caught.value.hint == 'write runtime = "unix" there by hand'
