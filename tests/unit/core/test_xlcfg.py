"""The text of an xl domain configuration: xl's own grammar, never executed, never a strange exception."""

import contextlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedeploy.core import errors
from edgedeploy.core.xlcfg import read_template

ORIGINAL = """\
# what the original scripts wrote
name = '@NAME@'
memory='256' ; vcpus = 2   # two statements on one line
kernel = "@KERNEL@"
vif = [ 'mac=00:16:3e:00:00:01,bridge=br0',
        'bridge=br1',   # over lines, with a comma at its end
]
extra = "a # is no comment in quotes"
extra += ' more'
"""


def test_everything_xl_takes():
    assert read_template(ORIGINAL) == {
        "name": "@NAME@",
        "memory": "256",
        "vcpus": "2",
        "kernel": "@KERNEL@",
        "vif": ["mac=00:16:3e:00:00:01,bridge=br0", "bridge=br1"],
        "extra": "a # is no comment in quotes more",
    }


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("\n\n;;\n#", {}),
        ("a=1\na=2", {"a": "2"}),
        ("a = []", {"a": []}),
        ("a = [1, 'b']\na += ['c']", {"a": ["1", "b", "c"]}),
        ("a += 'x'", {"a": "x"}),
        ("a = 0x1f\r\n", {"a": "0x1f"}),
        (r"a = 'it\'s'", {"a": "it's"}),
        ("a = ''", {"a": ""}),
    ],
)
def test_small_ones(text, values):
    assert read_template(text) == values


@pytest.mark.parametrize(
    "line",
    [
        "__import__('os').system('x')", "name=__import__('os')", "for x in y: pass", "name='a' if 1 else 'b'", "import os",
        "memory = @MEM@", "on_crash = restart", "a", "a =", "= 1", "a = [", "a = [1 2]", "a = ]", "a = 'x", "a = 'x\\", "a = 1 2",
        "A = 1", "a += [1] a", "a = [[1]]", "a = [,]", "\0", "a=1\na+=[1]",
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_its_line(line):
    with pytest.raises(errors.BadRepository, match=r"xl\.conf\.in:\d+: .* is not a plain"):
        read_template(line)


def test_every_bad_line_is_named_and_the_rest_is_not():
    with pytest.raises(errors.BadRepository, match=r"in:2: 'import os' is not .*, nor are 1 more") as caught:
        read_template("a = 1\nimport os\nb = 2\nc = \x1b[31m\n")
    assert caught.value.details == (r"xl.conf.in:4: 'c = \\x1b[31m'",)


def test_a_file_without_end_is_not_read_through():
    with pytest.raises(errors.BadRepository, match="longer than 64 KB"):
        read_template("a = 1\n" * 20_000)


@given(st.one_of(st.text(), st.text(alphabet="ab=+[]'\"\\,;#\n 01", max_size=40)))
def test_no_exception_but_ours(text):
    with contextlib.suppress(errors.BadRepository):
        assert all(isinstance(value, str | list) for value in read_template(text).values())


_atoms = st.text(alphabet=string.printable.replace("\n", "").replace("\\", "").replace("'", ""))


@given(st.dictionaries(st.from_regex(r"[a-z][_0-9a-z]{0,20}", fullmatch=True), st.one_of(_atoms, st.lists(_atoms, max_size=4))))
def test_what_is_written_is_read_again(values):
    text = "\n".join(
        f"{key} = " + (f"[{','.join(repr_(v) for v in value)}]" if isinstance(value, list) else repr_(value))
        for key, value in values.items()
    )
    assert read_template(text) == values


def repr_(value):
    return f"'{value}'"


def test_a_byte_order_mark_is_passed_over():
    assert read_template("\ufeffmemory = 64\n") == {"memory": "64"}
