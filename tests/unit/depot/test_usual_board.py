"""Which board a repository goes to: known to this clone alone."""

from edgedeploy.depot import usual_board
from tests.unit.depot.conftest import git


def test_it_is_remembered_and_not_committed(depot):
    assert usual_board.of(depot.git) == ""
    for board in ("00112233445566aa", "00112233445566aa", "00112233445566bb"):
        usual_board.remember(depot.git, board)
        assert usual_board.of(depot.git) == board
    assert git(depot.root, "status", "--porcelain") == ""
    assert git(depot.root, "config", "--local", "--get-all", "edgedeploy.board") == "00112233445566bb"


def test_a_config_that_somebody_else_writes_costs_the_memory_and_no_push(depot):
    (depot.root / ".git/config.lock").touch()
    usual_board.remember(depot.git, "00112233445566aa")
    assert usual_board.of(depot.git) == ""
