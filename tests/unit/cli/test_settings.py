"""Which file says what, which one wins, and what APP means."""

from pathlib import Path

import pytest

from edgedeploy.cli import settings
from edgedeploy.core import errors, names
from edgedeploy.remote.known import KnownBoard, KnownBoards


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEDEPLOY_CONFIG_DIR", str(tmp_path / "config"))
    (tmp_path / "config").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


def user(home, text):
    (home / "config/config.toml").write_text(text)


def project(home, text, where="talk"):
    folder = home / where
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "edgedeploy.toml").write_text(text)
    return folder


def test_nothing_there_is_nothing_known(home):
    known = settings.load()
    assert (dict(known.apps), dict(known.boards), known.interfaces, known.project) == ({}, {}, (), None)


def test_user_file(home):
    user(
        home,
        'interfaces=["eth0"]\n[apps.decks]\npath="talks"\nboard="stage"\n[boards.stage]\nhost="10.0.0.1:22"\n',
    )
    known = settings.load()
    assert known.apps["decks"].path == home / "config/talks"
    assert known.boards["stage"].host == "10.0.0.1:22"
    assert known.interfaces == ("eth0",)
    assert known.board_for(home / "config/talks") == "stage"
    assert known.board_for(home) is None


def test_tilde_is_the_home_folder(home, monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    user(home, '[apps.decks]\npath="~/decks"\n')
    assert settings.load().apps["decks"].path == Path("/home/someone/decks")


def test_project_wins_over_user(home, monkeypatch):
    folder = project(home, 'app="decks"\nboard="lab"\ninterfaces=["wlan0"]\nruntime="xen"\n[domain]\nmemory=96\n')
    user(home, f'interfaces=["eth0"]\n[apps.decks]\npath="{folder}"\nboard="stage"\n')
    (folder / "slides").mkdir()
    monkeypatch.chdir(folder / "slides")
    known = settings.load()
    assert known.project == folder
    assert known.interfaces == ("wlan0",)
    assert known.board_for(folder) == "lab"
    assert settings.load(cwd=home).board_for(folder) == "lab", "from outside the repository, too"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("interfases = []", "unknown key 'interfases'"),
        ('[apps.decks]\npath="x"\nbord="y"', "unknown key 'bord'"),
        ("[apps.decks]\n", "apps.decks: path: is missing"),
        ('[apps.Decks]\npath="x"', "not a valid app name"),
        ("[boards.stage]\nhost=22", "boards.stage: host"),
        ("interfaces = [22]", "not a network interface"),
        ("interfaces = ", "is not TOML"),
        ("apps = 3", "expected a table"),
    ],
)
def test_faults_name_file_and_key(home, text, named):
    user(home, text)
    with pytest.raises(errors.BadConfig, match=r"config\.toml") as caught:
        settings.load()
    assert named in caught.value.message
    assert caught.value.exit_code == 21
    assert settings.load_quietly() == settings.Settings()


def test_a_named_file_must_exist(home):
    with pytest.raises(errors.BadConfig, match="does not exist"):
        settings.load(home / "none.toml")


def test_an_unreadable_file_is_named(home):
    user(home, "")
    (home / "config/config.toml").unlink()
    # a regular file that nobody can read, not even root, whom no mode stops
    (home / "config/config.toml").symlink_to("/proc/self/mem")
    with pytest.raises(errors.BadConfig, match="cannot be read"):
        settings.load()


def test_app_is_where_one_stands(home, monkeypatch):
    folder = project(home, 'app="decks"\n')
    monkeypatch.chdir(folder)
    assert settings.resolve_app(None) == folder
    assert settings.resolve_app("decks") == folder


def test_an_original_repository_is_recognised_too(home, monkeypatch):
    (home / "old/xen").mkdir(parents=True)
    (home / "old/xen/latest").write_text("abc\n")
    monkeypatch.chdir(home / "old/xen")
    assert settings.resolve_app(None) == home / "old"


def test_app_is_a_name_or_a_folder(home):
    user(home, f'[apps.decks]\npath="{home}/talk"\n')
    assert settings.resolve_app("decks") == home / "talk"
    assert settings.resolve_app(str(home)) == home
    assert settings.resolve_app(".") == Path(".")


def test_an_app_nobody_knows_says_what_was_looked_at(home):
    user(home, '[apps.decks]\npath="x"\n')
    with pytest.raises(errors.UsageFault, match="no app 'deck'") as caught:
        settings.resolve_app("deck")
    looked = "\n".join(caught.value.details)
    assert str(home / "work") in looked
    assert "knows decks" in looked
    assert str(home / "work/deck") in looked
    with pytest.raises(errors.UsageFault, match="which app"):
        settings.resolve_app(None)


def test_an_app_that_a_board_alone_knows_is_told_where_it_runs(home, monkeypatch):
    monkeypatch.setenv("EDGEDEPLOY_STATE_DIR", str(home / "state"))
    board = KnownBoard(
        names.BoardId("0" * 16), names.BoardName("stage"), names.ProfileName("cubieboard2"), "root", ("10.0.0.8",), 22,
        (names.AppName("decks"),),
    )  # fmt: skip
    KnownBoards(home / "state").remember(board)
    with pytest.raises(errors.UsageFault, match="decks is an app of stage; this laptop does not know where") as caught:
        settings.resolve_app("decks")
    assert "bring that here: edgedeploy fetch" in caught.value.hint
    with pytest.raises(errors.UsageFault, match="no app 'other'"):
        settings.resolve_app("other")
