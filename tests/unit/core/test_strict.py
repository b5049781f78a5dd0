"""TOML as editors of other systems write it: decoration is passed over, content is told with its place."""

import pytest

from edgedeploy.core import errors, strict

GOOD = {
    "a byte order mark": b'\xef\xbb\xbfapp = "decks"\n',
    "a comment in Latin-1": b'# M\xfcller\napp = "decks" # caf\xe9\n',
    "ends of lines of Windows": b'# one\r\napp = "decks"\r\n',
}


@pytest.mark.parametrize("raw", GOOD.values(), ids=GOOD)
def test_decoration_does_not_matter(raw: bytes) -> None:
    assert strict.toml(raw, "x.toml") == {"app": "decks"}


BAD = {
    "a value": (b'# M\xfcller\n\napp = "d\xe9cks"\n', "in line 3 is not UTF-8"),
    "a value in a list in a table": (b'[a]\nb = [1, { c = "x\xff" }]\n', "in line 2 is not UTF-8"),
    "a key": (b'[boards]\n"caf\xe9" = 1\n', "in line 2 is not UTF-8"),
    "with an escape": (b'a = "\\u00e9\xe9"\n', "what is written is not UTF-8"),
    "UTF-16": (b"\xff\xfea\0", "is UTF-16"),
}


@pytest.mark.parametrize(("raw", "words"), BAD.values(), ids=BAD)
def test_content_is_told_with_its_place(raw: bytes, words: str) -> None:
    with pytest.raises(errors.BadConfig, match=words) as caught:
        strict.toml(raw, "x.toml")
    assert "x.toml" in caught.value.message
    assert caught.value.hint == "save x.toml as UTF-8"


def test_text_that_looks_like_an_escape_is_no_fault() -> None:
    assert strict.toml('a = "\\\\udc80 é"\n'.encode(), "x") == {"a": "\\udc80 é"}
