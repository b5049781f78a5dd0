from pathlib import Path

import pytest

from edgedeploy.lab import recipe
from edgedeploy.lab.bake import dress


def test_packages_are_parsed_with_their_unused_ones() -> None:
    parsed = recipe.parse_packages("# words\na b\n\n  c a\n-udev -cpio\n")
    assert parsed.wanted == ("a", "b", "c")
    assert parsed.unused == {"udev", "cpio"}


def test_modules_are_grouped_by_place() -> None:
    assert recipe.parse_modules("initrd: a b\nboard: c\nboard: d\n") == {"initrd": ["a", "b"], "board": ["c", "d"]}


def test_the_digest_changes_with_names_and_contents(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("x")
    two.write_text("y")
    before = recipe.digest([("one", one), ("two", two)])
    assert before == recipe.digest([("one", one), ("two", two)])
    assert before != recipe.digest([("other", one), ("two", two)])
    two.write_text("z")
    assert before != recipe.digest([("one", one), ("two", two)])


def test_the_recipe_of_this_checkout_reads() -> None:
    found = recipe.find()
    packages = recipe.parse_packages((found.board / "packages.txt").read_text())
    assert "linux-image-armmp-lpae" in packages.wanted, "the kernel's version is the archive's, never pinned"
    assert not packages.unused & set(packages.wanted)
    assert {"initrd", "board", "guest"} <= recipe.parse_modules((found.board / "modules.txt").read_text()).keys()
    finish = dress.parse_finish((found.board / "finish.txt").read_text())
    assert any(line.endswith("/etc/shadow") for line in finish.owners)
    assert len(found.digest()) == 16


def test_no_file_of_the_recipe_names_a_registry() -> None:
    found = recipe.find()
    for path in [*found.board.rglob("*"), *found.guest.rglob("*")]:
        if path.is_file() and path.suffix != ".md":
            assert "debian.org" not in path.read_text()


def test_finish_refuses_what_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="cannot read"):
        dress.parse_finish("move /a /b\n")
