"""The first release says in edgedeploy.toml what it was made of; nothing else in the file changes."""

from pathlib import PurePosixPath

import pytest

from edgedeploy.core import errors, project
from edgedeploy.depot import buildtable, scaffold

KERNEL = {"kernel": PurePosixPath("guest/vmlinuz")}
ALL = {**KERNEL, "ramdisk": PurePosixPath("guest/base.cpio"), "slides": PurePosixPath("slides")}


def test_the_lines_that_init_leaves_commented_out_are_filled_in():
    text = scaffold.files(scaffold.Plan("decks", "virtual-armv7"))[PurePosixPath(project.FILE)].decode()
    filled = buildtable.filled(text, ALL)
    assert project.loads(filled.encode()).build == project.Build(*ALL.values())
    changed = [(old, new) for old, new in zip(text.splitlines(), filled.splitlines(), strict=True) if old != new]
    assert [new for _, new in changed] == [
        'kernel = "guest/vmlinuz"',
        'ramdisk = "guest/base.cpio"',
        'slides = "slides"',
    ]
    assert all(old.startswith("# ") for old, _ in changed)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        (
            'app = "a"\n',
            'app = "a"\n\n# What `edgedeploy push` makes a release of.\n[build]\nkernel = "guest/vmlinuz"\n',
        ),
        ('app = "a"\n[build]', 'app = "a"\n[build]\nkernel = "guest/vmlinuz"'),
        ('[build] # of what\nslides = "s"\n', '[build] # of what\nkernel = "guest/vmlinuz"\nslides = "s"\n'),
        (
            "[build]\n#kernel = 1\n[domain]\n# kernel = 2\n",
            '[build]\nkernel = "guest/vmlinuz"\n[domain]\n# kernel = 2\n',
        ),
        ('[build]\nkernel = "mine"  # or not\nslides = "s"\n', '[build]\nkernel = "guest/vmlinuz"\nslides = "s"\n'),
        ('[build]\nkernel = "guest/vmlinuz"  # mine\n', '[build]\nkernel = "guest/vmlinuz"  # mine\n'),
        (
            "[build]\r\n[network]\r\naddress = '10.0.0.1/8'\r\n",
            "[build]\r\nkernel = \"guest/vmlinuz\"\n[network]\r\naddress = '10.0.0.1/8'\r\n",
        ),
        ('build.slides = "s"\n', 'build.slides = "s"\n'),
    ],
)
def test_only_what_differs_is_changed_and_what_cannot_be_stays(text, filled):
    if "app" not in text:
        text, filled = f'app = "a"\n{text}', f'app = "a"\n{filled}'
    assert buildtable.filled(text, KERNEL) == filled
    project.loads(filled.encode())


def test_a_name_with_quotes_and_backslashes_stays_one():
    odd = {"kernel": PurePosixPath('a "b" \\c')}
    assert project.loads(buildtable.filled('app = "a"\n', odd).encode()).build.kernel == odd["kernel"]


def test_a_file_that_cannot_be_read_is_not_touched():
    with pytest.raises(errors.BadConfig):
        buildtable.filled("app = [", KERNEL)
