"""A home belongs to its owner alone: what others made, or could put another in the place of, is refused."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from feature_repo.errors import ConfigurationError, HomeUnsafe
from feature_repo.servers.embedded_servers import recorded
from feature_repo.servers.private_files import open_private, refuse_unsafe_home, write_private
from ingestion.doctor.settings import check_home
from ingestion.embedded import servers
from ingestion.embedded.home import locked_home, prepare_home
from tests.rigs.commands import by_name

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A directory whose rights tests change."""
    place = tmp_path / "place"
    place.mkdir()
    yield place
    place.chmod(0o700)


def modes(*paths: Path) -> list[int]:
    return [stat.S_IMODE(path.lstat().st_mode) for path in paths]


# ---- where a home may lie ------------------------------------------------------------------------------------------


def test_a_home_in_a_directory_where_every_user_may_write_is_refused_in_three_parts(place: Path) -> None:
    home = place / "parent" / "home"
    home.mkdir(parents=True)
    place.chmod(0o777)
    with pytest.raises(ConfigurationError, match=f"lies in {place}, where every user may write") as refused:
        servers.start_servers(home)
    assert (refused.value.state, f"chmod o-w {place}" in refused.value.next_step) == (
        "Nothing was read or written there",
        True,
    )
    assert list(home.iterdir()) == []
    with pytest.raises(HomeUnsafe):
        recorded(home)
    assert by_name(check_home({"PIKKIT_HOME": str(home)}))["home"].verdict == "FAIL"


def test_a_home_of_ours_in_a_sticky_directory_passes_as_in_tmp(place: Path) -> None:
    place.chmod(0o1777)
    prepare_home(place / "home", print)
    assert modes(place / "home") == [0o700]


@as_root
@pytest.mark.parametrize("foreign", ["", "home"], ids=["an ancestor", "the home"])
def test_a_home_that_another_user_made_in_a_sticky_directory_is_refused(place: Path, foreign: str) -> None:
    home = place / "entry" / "home"
    home.mkdir(parents=True)
    place.chmod(0o1777)
    os.chown(place / "entry" / foreign, NOBODY, NOBODY)
    with pytest.raises(HomeUnsafe, match="belongs to another user, nobody"):
        refuse_unsafe_home(home)


def test_home_that_is_an_own_link_is_judged_by_the_target(place: Path) -> None:
    (place / "data").mkdir()
    (place / "link").symlink_to("data")
    refuse_unsafe_home(place / "link")
    (place / "data").rmdir()
    (place / "open").mkdir()
    (place / "open").chmod(0o777)
    (place / "data").symlink_to(place / "open" / "data")
    (place / "open" / "data").mkdir()
    with pytest.raises(HomeUnsafe, match="where every user may write"):
        refuse_unsafe_home(place / "link")


@as_root
def test_a_home_that_is_a_link_of_another_user_is_refused(place: Path) -> None:
    (place / "link").symlink_to(place)
    os.lchown(place / "link", NOBODY, NOBODY)
    with pytest.raises(HomeUnsafe, match="belongs to another user"):
        refuse_unsafe_home(place / "link")


def test_links_in_a_circle_are_refused(place: Path) -> None:
    (place / "home").symlink_to("home")
    with pytest.raises(HomeUnsafe, match="Too many levels"):
        refuse_unsafe_home(place / "home")


# ---- what lies in it -----------------------------------------------------------------------------------------------


def test_existing_home_open_to_every_user_is_closed_and_reported_once(place: Path) -> None:
    home = place / "home"
    (home / "redis").mkdir(parents=True)
    files = [home / "lock", home / "redis.log", home / "redis" / "redis.conf"]
    for file in files:
        file.touch()
        file.chmod(0o644)
    home.chmod(0o755)
    (home / "redis").chmod(0o700)
    said: list[str] = []
    prepare_home(home, said.append)
    prepare_home(home, said.append)
    assert said == [f"Closed to other users, as it should have been: {home}, lock, redis.log, redis.conf"]
    assert modes(home, *files) == [0o700, 0o600, 0o600, 0o600]


@pytest.mark.parametrize("name", ["lock", "services.json.new", "redis.log", "postgres.log", "redis/redis.conf"])
def test_a_link_in_the_place_of_a_file_that_we_write_is_refused_and_not_followed(place: Path, name: str) -> None:
    home, target = place / "home", place / "target"
    (home / "redis").mkdir(parents=True)
    target.write_text("kept")
    (home / name).symlink_to(target)
    with pytest.raises(ConfigurationError, match="is a symbolic link"):
        servers.start_servers(home)
    for write in (lambda: write_private(home / name, "lost"), lambda: open_private(home / name, os.O_RDWR)):
        with pytest.raises(HomeUnsafe, match="is a symbolic link"):
            write()
    assert target.read_text() == "kept"


def test_services_record_that_is_world_writable_or_a_link_is_refused(place: Path) -> None:
    record = place / "services.json"
    record.write_text("{}")
    record.chmod(0o666)
    with pytest.raises(HomeUnsafe, match="can be written by other users"):
        recorded(place)
    record.rename(place / "elsewhere")
    record.symlink_to("elsewhere")
    with pytest.raises(HomeUnsafe, match="is a symbolic link"):
        recorded(place)


@as_root
def test_file_of_another_user_is_refused_and_left_unchanged(place: Path) -> None:
    (place / "services.json").write_text("theirs")
    os.chown(place / "services.json", NOBODY, NOBODY)
    for act in (lambda: write_private(place / "services.json", "ours"), lambda: recorded(place)):
        with pytest.raises(HomeUnsafe, match="belongs to another user, nobody"):
            act()
    assert (place / "services.json").read_text() == "theirs"


def test_new_home_and_files_are_private_to_the_owner_under_any_umask(place: Path) -> None:
    before = os.umask(0)
    try:
        prepare_home(place / "new" / "home", print)
        with locked_home(place / "new" / "home", print):
            write_private(place / "new" / "home" / "services.json.new", "{}")
    finally:
        os.umask(before)
    home = place / "new" / "home"
    (home / "lock").chmod(0o644)
    write_private(home / "lock", "")
    assert modes(home.parent, home, *home.iterdir()) == [0o755, 0o700, 0o600, 0o600]


def test_a_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for(place: Path) -> None:
    os.mkfifo(place / "lock", 0o600)
    with pytest.raises(HomeUnsafe, match="is no regular file"), locked_home(place, print):
        pass
