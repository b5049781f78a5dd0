"""What is committed, held against a board's profile and what the live board says of itself."""

from dataclasses import replace

import pytest

from edgedeploy.core import errors
from edgedeploy.core.board import BoardFacts
from edgedeploy.depot.release import add_release
from edgedeploy.depot.repo import Depot
from edgedeploy.flows import fitness
from edgedeploy.profiles import catalog
from tests import kernels
from tests.unit.depot.conftest import built, depot, git, git_home, report

__all__ = ["built", "depot", "git_home", "report"]
BOARD = catalog.load("virtual-armv7")
LIVE = BoardFacts(
    machine="armv7l", xen_caps=("xen-3.0-armv7l",), free_memory_mb=500, bridges=("xenbr0",), gic=2, xen_version="4.17.5"
)


@pytest.fixture
def made(depot, built, report):
    """Commits a release of a kernel that fits, for a domain as given; returns depot and manifest."""

    def _made(domain=""):
        (built / "vmlinuz").write_bytes(kernels.zimage())
        (depot.root / "edgedeploy.toml").write_text(f'app = "decks"\n[domain]\n{domain}\n')
        fresh = Depot.open(depot.root)
        return fresh, add_release(fresh, built / "vmlinuz", report=report).manifest

    return _made


def refused(made, domain, **live):
    depot, manifest = made(domain)
    with pytest.raises(errors.DoesNotFit) as caught:
        fitness.require(fitness.Release.of(depot, manifest), BOARD, BoardFacts(**{**LIVE_AS_DICT, **live}), 0)
    return [line.partition(":")[0] for line in caught.value.details]


LIVE_AS_DICT = {name: getattr(LIVE, name) for name in BoardFacts.__dataclass_fields__}


def test_a_release_that_fits_the_live_board(made):
    depot, manifest = made()
    fitness.require(fitness.Release.of(depot, manifest), BOARD, LIVE, 0)
    assert fitness.some(fitness.Release.of(depot, manifest), [BOARD]) == ["virtual-armv7"]


@pytest.mark.parametrize(
    ("domain", "live", "fields"),
    [
        ('bridge = "br9"', {}, ["network bridge"]),
        ("", {"bridges": ()}, ["network bridge"]),
        ('gic_version = "v3"', {}, ["interrupt controller"]),
        ("vcpus = 9", {}, ["virtual CPUs"]),
        ("memory = 96", {"free_memory_mb": 90}, ["board memory"]),
        ("", {"xen_caps": ("xen-3.0-aarch64",)}, ["architecture"]),
    ],
)
def test_what_the_live_board_says_is_held_against_it(made, domain, live, fields):
    assert refused(made, domain, **live) == fields


def test_the_memory_of_the_guest_that_goes_counts(made):
    depot, manifest = made("memory = 96")
    fitness.require(fitness.Release.of(depot, manifest), BOARD, BoardFacts(free_memory_mb=20), 96)


def test_a_release_that_names_the_newer_controller_goes_where_there_is_one(made):
    depot, manifest = made('gic_version = "v3"')
    fitness.require(fitness.Release.of(depot, manifest), BOARD, BoardFacts(gic=3), 0)
    with pytest.raises(errors.DoesNotFit, match="with what it is given"):
        fitness.some(fitness.Release.of(depot, manifest), [BOARD])


def test_what_is_not_what_the_manifest_says(made):
    depot, manifest = made()
    path = depot.root / "xen" / manifest.release / manifest.kernel.file
    path.write_bytes(path.read_bytes() + b"x")
    git(depot.root, "commit", "-qam", "tamper")
    with pytest.raises(errors.BadRepository, match="not the file its manifest describes"):
        fitness.some(fitness.Release.of(depot, manifest), [BOARD])


def test_what_an_original_repository_asks_for_and_cannot_have_stops_a_push(git_home, tmp_path):
    root = tmp_path / "original"
    release = root / "xen/08174d6b"
    release.mkdir(parents=True)
    (root / "xen/latest").write_text("08174d6b\n")
    (release / "decks.xen").write_bytes(kernels.zimage())
    git(tmp_path, "init", "-q", str(root))
    for conf, stopped in (
        ("memory = 64\non_crash = 'restart'", False),
        ("disk = ['phy:/dev/sda,xvda,w']\nirqs = [88]", True),
    ):
        (root / "xl.conf.in").write_text(conf)
        git(root, "add", "-A")
        git(root, "commit", "-qm", "deploy")
        depot = Depot.open(root)
        manifest = depot.manifest("08174d6b")
        if not stopped:
            assert fitness.some(fitness.Release.of(depot, manifest), [BOARD]) == ["virtual-armv7"]
            continue
        with pytest.raises(errors.DoesNotFit) as caught:
            fitness.some(fitness.Release.of(depot, manifest), [BOARD])
        assert [line.partition(" ")[0] for line in caught.value.details] == ["disk", "irqs"]
        with pytest.raises(errors.DoesNotFit) as caught:
            fitness.some(
                fitness.Release.of(depot, manifest), [replace(BOARD, passthrough=("irqs", "disk"))]
            )  # which is none
        assert [line.partition(" ")[0] for line in caught.value.details] == ["disk"]
