"""Which entries of a crontab pull, and where; and that sifting changes no byte of what stays."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edgedeploy.agent import crontabs

PULLS = [
    ("cd $HOME/decks && git pull", "/home/anna/decks"),
    ("cd ${HOME}/decks; git pull", "/home/anna/decks"),
    ("cd ~/decks; git pull", "/home/anna/decks"),
    ('cd "$HOME/decks" && git pull -q >/dev/null 2>&1', "/home/anna/decks"),
    ("cd '/srv/two words' && git pull", "/srv/two words"),
    ("cd decks && git pull", "/home/anna/decks"),
    ("cd && cd /srv && cd decks/../talk && git pull", "/srv/talk"),
    ("cd -- /srv/decks && git pull origin master", "/srv/decks"),
    ("cd /srv/decks || exit 1; git pull", "/srv/decks"),
    ("[ -d /srv/decks ] && cd /srv/decks && sleep 7 && nice /usr/bin/git pull", "/srv/decks"),
    ("(cd /srv/decks && git pull) > /dev/null", "/srv/decks"),
    ("cd /srv/decks && GIT_SSH_COMMAND='ssh -4' git pull 2>&1 | logger -t decks", "/srv/decks"),
    ("git -C /srv/decks pull --ff-only &", "/srv/decks"),
    ("git -C ~ pull", "/home/anna"),
    ("cd -P /srv/decks 2>/dev/null && git pull >> /var/log/decks 2>&1", "/srv/decks"),
    ("cd /tmp; cd; git pull", "/home/anna"),
    ("(cd /srv/decks; git pull) 2>&1 | logger", "/srv/decks"),
    ("(cd /tmp; true); git pull", "/home/anna"),
    ("</dev/null git -C /srv/decks pull|cat>/dev/null", "/srv/decks"),
    ("git -C /srv/decks pull &>/dev/null", "/srv/decks"),
    ("git -C /srv/decks pull --quiet || true", "/srv/decks"),
    ("git -C $HOMER/decks pull", "/home/anna/$HOMER/decks"),
]
MORE = [
    "cd /srv/decks && git pull && ./backup",
    "./backup; cd /srv/decks && git pull",
    "(cd /srv/decks; git pull); rm -rf /srv/cache",
    "git -C /srv/decks pull & date > /srv/beat",
    "cd /srv/decks && git pull || mail -s failed anna",
    "cd /srv/decks && git pull | /usr/local/bin/tell-anna",
    "cd /srv/decks && git pull | cat | tee log",
    "(cd /srv/decks && git pull) | mail anna",
    "git -C /srv/decks pull | logger /tmp/logger | /tmp/logger",
    "yes | git -C /srv/decks pull",
    "git -C /srv/decks pull `backup`",
    'git -C /srv/decks pull "$(backup)"',
    "git -C /srv/decks pull > >(tee log)",
    "sleep `backup`; cd /srv/decks && git pull",
    "cd /srv/decks && git pull; > log /usr/bin/backup",
    "cd /srv/decks && git pull;>log /usr/bin/backup",
    "git -C /srv/decks pull &> log /usr/bin/backup",  # which is two commands for cron's shell
    "cd /srv/talk || cd /srv/decks; git pull",
    "cat; git -C /srv/decks pull",
]
SEVERAL = {
    "cd ~/notes && git pull; cd ~/decks && git pull": ["/home/anna/notes", "/home/anna/decks"],
    "git -C /srv/decks pull; cd notes && git pull": ["/srv/decks", "/home/anna/notes"],
    "(cd /srv/decks && git pull); (cd notes && git pull)": ["/srv/decks", "/home/anna/notes"],
    "((cd /srv; git pull); git -C a pull); git pull": ["/srv", "/home/anna/a", "/home/anna"],
    "git pull; git pull": ["/home/anna", "/home/anna"],
}
OTHER = [
    "git fetch", "cd /srv/decks && git gc", "echo git pull", "cd /srv/decks", "", "git -C /srv/decks log pull",
    "cd '/srv/decks && git pull", "pull", "/usr/local/lib/edgedeploy-agent/tick decks 20 >/dev/null 2>&1",
]  # fmt: skip


@pytest.mark.parametrize(("command", "folder"), PULLS)
def test_where_a_command_pulls(command: str, folder: str) -> None:
    assert crontabs.pulled(command, "/home/anna")[0] == [folder]


@pytest.mark.parametrize("command", [command for command, _ in PULLS])
def test_a_pull_and_nothing_else(command: str) -> None:
    assert crontabs.pulled(command, "/home/anna")[1]


@pytest.mark.parametrize("command", MORE)
def test_more_than_a_pull(command: str) -> None:
    assert crontabs.pulled(command, "/home/anna") == (["/srv/decks"], False)


@pytest.mark.parametrize(("command", "folders"), SEVERAL.items())
def test_all_folders_in_which_a_command_pulls(command: str, folders: list[str]) -> None:
    assert crontabs.pulled(command, "/home/anna") == (folders, False)


@pytest.mark.parametrize("command", OTHER)
def test_no_pull(command: str) -> None:
    assert crontabs.pulled(command, "/home/anna") == ([], False)


TEXT = b"""# m h dom mon dow
MAILTO=anna
*/11 * * * * cd $HOME/decks && git pull
 @hourly\tcd $HOME/decks && git pull%some input%

-*/7 1-5 * jan mon,tue date +\\%F; git pull
HOME = "/srv"
@reboot git pull
MAILTO=* * * * * git pull
1 2 3 4 5
"""


def test_what_an_entry_is() -> None:
    _, seen = crontabs.sift(TEXT, lambda _: True, "anna")
    assert [(entry.number, entry.user, entry.home, entry.command) for entry in seen] == [
        (3, "anna", "", "cd $HOME/decks && git pull"),
        (4, "anna", "", "cd $HOME/decks && git pull"),
        (6, "anna", "", "date +%F; git pull"),
        (8, "anna", "/srv", "git pull"),
    ]


def test_a_crontab_of_the_system_names_the_user() -> None:
    _, seen = crontabs.sift(b"*/7 * * * *\troot  git pull\n@daily anna\n* * * * * caf\xe9 x\n", lambda _: True)
    assert [(entry.user, entry.command) for entry in seen] == [("root", "git pull"), ("caf\udce9", "x")]


LINES = st.lists(
    st.one_of(
        st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")),
        st.sampled_from(
            [b"*/11 * * * * cd ~/x && git pull", b"1 2 3 4 5 x\r", b"# c", b"", b"HOME=/x", b"@daily y\xff"]
        ),
    )
)


@given(LINES, st.booleans(), st.sets(st.integers(1, 30)))
@example([b"* * * * * x"], False, {1})
@example([b"a", b"* * * * * x"], False, {2})
def test_no_byte_of_what_stays_is_changed(lines: list[bytes], ends: bool, doomed: set[int]) -> None:
    text = b"\n".join(lines) + (b"\n" if ends else b"")
    kept, removed = crontabs.sift(text, lambda entry: entry.number in doomed, "root")
    assert {entry.number for entry in removed} <= doomed
    gone = {entry.number: entry.line for entry in removed}
    left = [line + b"\n" for line in text.split(b"\n")]
    left[-1] = left[-1][:-1]
    assert kept == b"".join(line for number, line in enumerate(left, 1) if number not in gone)
    assert all(left[number - 1] == line for number, line in gone.items())
    assert crontabs.sift(text, lambda _: False, "root") == (text, [])
