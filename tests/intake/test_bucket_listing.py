"""The listing shows what people meant to upload, once it has stopped changing."""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurseconv_dagster.intake import listing
from nurseconv_dagster.intake.listing import list_bucket, location_of, stable


def put(path, content=b"sound", age_s=100.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (time.time() - age_s,) * 2)
    return path


def locations(root):
    return [file.location for file in list_bucket(root)]


def test_files_come_oldest_first_from_every_folder(tmp_path):
    put(tmp_path / "b.wav", age_s=10)
    put(tmp_path / "ward" / "night" / "a.wav", age_s=30)
    put(tmp_path / "ward" / "a.wav", age_s=20)
    assert locations(tmp_path) == ["ward/night/a.wav", "ward/a.wav", "b.wav"]


def test_two_files_of_one_name_in_two_folders_are_two(tmp_path):
    put(tmp_path / "a" / "visit.wav")
    put(tmp_path / "b" / "visit.wav")
    assert sorted(locations(tmp_path)) == ["a/visit.wav", "b/visit.wav"]


@pytest.mark.parametrize(
    "name",
    [
        ".hidden.wav", "a.wav.part", "a.wav.PARTIAL", "a.tmp", "a.wav.crdownload", "a.wav~", "~$a.docx", "Thumbs.db",
        "desktop.ini", ".DS_Store", "a.wav.json", "a.json", "lonely.json", ".git/a.wav", "$RECYCLE.BIN/a.wav",
    ],
)  # fmt: skip
def test_what_nobody_meant_as_an_upload_is_left_alone(name, tmp_path):
    put(tmp_path / "a.wav")
    put(tmp_path / name)
    assert locations(tmp_path) == ["a.wav"]


def test_links_out_of_the_bucket_and_to_folders_are_left_alone(tmp_path):
    bucket, outside = tmp_path / "bucket", put(tmp_path / "secret.wav")
    inside = put(bucket / "a.wav")
    (bucket / "out.wav").symlink_to(outside)
    (bucket / "in.wav").symlink_to(inside)
    (bucket / "loop.wav").symlink_to(bucket / "loop.wav")
    (bucket / "dead.wav").symlink_to(bucket / "nothing.wav")
    (bucket / "folder").symlink_to(tmp_path)
    os.mkfifo(bucket / "pipe.wav")
    assert sorted(locations(bucket)) == ["a.wav", "in.wav"]


def test_odd_names_are_listed_and_can_be_stored(tmp_path):
    names = ["a\nb.wav", "a\u202egpj.wav", "n" * 251 + ".wav", "ä ö;'.wav"]
    for name in names:
        put(tmp_path / name)
    undecodable = os.fsdecode(b"caf\xe9.wav")
    put(tmp_path / undecodable)
    found = locations(tmp_path)
    assert set(found) == {*names, "caf\ufffde9.wav"}
    assert all(location.encode("utf-8") for location in found)


@given(st.lists(st.binary(min_size=1, max_size=6).filter(lambda raw: not set(raw) & set(b"/\0.")), unique=True))
def test_different_paths_have_different_locations(tmp_path_factory, names):
    root = tmp_path_factory.getbasetemp()
    paths = [root / os.fsdecode(name) for name in names]
    assert len({location_of(root, path) for path in paths}) == len(paths)


def test_a_file_that_vanishes_meanwhile_is_not_there(tmp_path, monkeypatch):
    put(tmp_path / "a.wav")
    gone = put(tmp_path / "b.wav")
    look = listing.find_sidecar

    def vanish(path):
        gone.unlink(missing_ok=True)
        return look(path)

    monkeypatch.setattr(listing, "find_sidecar", vanish)
    assert set(locations(tmp_path)) <= {"a.wav"}


def test_a_bucket_that_is_gone_is_no_empty_bucket(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        list_bucket(tmp_path / "nowhere")


def test_a_file_being_written_is_not_stable(tmp_path):
    now = time.time()
    put(tmp_path / "old.wav", age_s=60)
    put(tmp_path / "new.wav", age_s=0)
    growing = put(tmp_path / "growing.wav", age_s=60)
    files = list_bucket(tmp_path)
    growing.write_bytes(b"more sound")
    os.utime(growing, (now - 60,) * 2)
    assert [file.location for file in stable(files, now, 5.0)] == ["old.wav"]


def test_a_recording_waits_for_its_sidecar(tmp_path):
    put(tmp_path / "a.wav", age_s=60)
    before = list_bucket(tmp_path)
    sidecar = put(tmp_path / "a.json", b"{}", age_s=0)
    assert not list(stable(before, time.time(), 5.0))
    assert not list(stable(list_bucket(tmp_path), time.time(), 5.0))
    os.utime(sidecar, (time.time() - 60,) * 2)
    assert list(stable(list_bucket(tmp_path), time.time(), 5.0))


def test_a_mended_sidecar_is_a_new_version(tmp_path):
    put(tmp_path / "a.wav")
    versions = {list_bucket(tmp_path)[0].version}
    for content in (b"{", b"{}"):
        put(tmp_path / "a.wav.json", content)
        versions.add(list_bucket(tmp_path)[0].version)
    assert len(versions) == 3


def test_a_clock_set_wrong_does_not_keep_a_file_out_for_ever(tmp_path):
    put(tmp_path / "a.wav", age_s=-1e8)
    files = list_bucket(tmp_path)
    assert not list(stable(files, time.time(), 5.0))
    assert list(stable(files, time.time() + 10, 5.0))


def test_a_file_that_vanished_is_not_stable(tmp_path):
    path = put(tmp_path / "a.wav")
    files = list_bucket(tmp_path)
    path.unlink()
    assert not list(stable(files, time.time(), 0.0))
