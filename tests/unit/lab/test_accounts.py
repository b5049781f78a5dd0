import pytest

from edgedeploy.lab.bake import accounts

PASSWD = "root:*:0:0:root:/root:/bin/bash\ndaemon:*:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
GROUP = "root:*:0:\nshadow:*:42:\n"


def test_masters_and_extras_are_merged() -> None:
    merged = accounts.merge(
        PASSWD,
        GROUP,
        more_passwd="sshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n",
        more_group="_ssh:x:102:\n",
        passwords="# a word\nroot:$6$salt$hash\n",
    )
    assert merged.passwd.splitlines()[0] == "root:x:0:0:root:/root:/bin/bash"
    assert merged.passwd.splitlines()[2] == "sshd:x:101:65534::/run/sshd:/usr/sbin/nologin"
    assert merged.group.splitlines() == ["root:x:0:", "shadow:x:42:", "_ssh:x:102:"]
    assert merged.shadow.splitlines()[0].startswith("root:$6$salt$hash:")
    assert all(line.split(":")[1] == "*" for line in merged.shadow.splitlines()[1:]), "everybody else is locked"
    assert all(len(line.split(":")) == 9 for line in merged.shadow.splitlines())
    assert merged.gshadow.splitlines()[2] == "_ssh:*::"


@pytest.mark.parametrize("extra", ["daemon:x:9:9::/:/bin/sh", "other:x:1:1::/:/bin/sh"])
def test_a_name_or_number_taken_twice_is_refused(extra: str) -> None:
    with pytest.raises(ValueError, match="twice"):
        accounts.merge(PASSWD, GROUP, more_passwd=extra, more_group="", passwords="")


def test_a_password_needs_its_account() -> None:
    with pytest.raises(ValueError, match="not there"):
        accounts.merge(PASSWD, GROUP, more_passwd="", more_group="", passwords="nobody:x")
