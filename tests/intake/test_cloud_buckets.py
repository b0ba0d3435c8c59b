"""What holds for a folder holds for a cloud: each version once, oldest first, nothing silent, no names told.

S3 is moto's server over HTTP. Google's XML API is spoken to the same server, so that what is tested of Google is our
side and the form of the requests, not Google. Azure is Azurite where `azurite-blob` is installed.
"""

from __future__ import annotations

import os
import time
import tracemalloc
import urllib.request
from collections import Counter
from datetime import UTC, datetime

import pytest

from nurseconv_dagster.errors import BucketUnavailableError, SettingsError, VaultUnavailableError
from nurseconv_dagster.intake.arrivals import Refusal, Sidecar
from nurseconv_dagster.intake.buckets import BucketRounds
from nurseconv_dagster.intake.object_bucket import ObjectBucket
from tests.fakes.object_stores import azurite, bucket_at, has_azurite, moto

CANARY = "zebulonis"
LIMIT = 1 << 20


@pytest.fixture(scope="module")
def server():
    with moto() as address:
        yield address


@pytest.fixture(scope="module")
def azure(tmp_path_factory):
    if not has_azurite():
        pytest.skip("azurite-blob is not installed (npm install -g azurite)")
    with azurite(tmp_path_factory.mktemp("azurite")) as address:
        yield address


@pytest.fixture(autouse=True)
def _environment():
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(params=["s3", "gs", "az"])
def cloud(request):
    return bucket_at(request.param, request.getfixturevalue("azure" if request.param == "az" else "server"))


@pytest.fixture
def s3(server):
    return bucket_at("s3", server)


def listed(bucket, *, now=None, stable_after_s=0.0, after=None):
    at = time.time() + 1 if now is None else now
    return bucket.list_stable(at, stable_after_s, after=after, deadline=time.monotonic() + 60)


def only(bucket):
    [file] = listed(bucket).files
    return file


def locations(bucket, **how):
    return [file.location for file in listed(bucket, **how).files]


class Ledger:
    """Versions that were taken in; what the real one says of them."""

    def __init__(self):
        self.versions = {}

    def known(self, wanted):
        return {location: self.versions[location] for location in wanted if location in self.versions}

    def tick(self, rounds, woken_at=None, at_most=None, stable_after_s=0.0):
        taken = []
        deadline = time.monotonic() + 60
        for file in rounds.new_files(self.known, stable_after_s=stable_after_s, deadline=deadline, woken_at=woken_at):
            self.versions[file.location] = file.version
            taken.append(file.location)
            if len(taken) == at_most:
                break
        return taken


def test_a_version_of_an_object_is_new_once_and_another_version_is_new_again(cloud):
    cloud.put("visit.wav")
    ledger, rounds = Ledger(), BucketRounds(ObjectBucket(cloud.url), every_s=0)
    time.sleep(1.1)
    assert ledger.tick(rounds) == ["visit.wav"]
    assert ledger.tick(rounds) == []
    cloud.put("visit.wav", b"another sound")
    time.sleep(1.1)
    assert ledger.tick(rounds) == ["visit.wav"]


def test_an_object_is_fetched_whole_with_what_its_sidecar_says(cloud, tmp_path):
    cloud.put("5 east/visit ä#%25?.wav", b"sound" * 50_000)
    cloud.put("5 east/visit ä#%25?.wav.json", b'{"unit": "5-east"}')
    bucket = ObjectBucket(cloud.url)
    with bucket.fetch(only(bucket), tmp_path, LIMIT) as fetched:
        assert fetched.path.read_bytes() == b"sound" * 50_000
        assert fetched.path.parent == tmp_path
        assert fetched.sidecar == Sidecar(unit="5-east")
    assert list(tmp_path.iterdir()) == []


def test_a_mended_sidecar_is_a_new_arrival_and_the_nearer_name_wins(cloud, tmp_path):
    bucket, versions, units = ObjectBucket(cloud.url), [], []
    cloud.put("visit.wav")
    for key, unit in ((None, None), ("visit.json", "far"), ("visit.wav.json", "near"), ("visit.wav.json", "mended")):
        if key is not None:
            cloud.put(key, f'{{"unit": "{unit}"}}'.encode())
        file = only(bucket)
        versions.append(file.version)
        with bucket.fetch(file, tmp_path, LIMIT) as fetched:
            units.append(fetched.sidecar.unit)
    assert units == [None, "far", "near", "mended"]
    assert len(set(versions)) == 4


def test_a_sidecar_that_says_nothing_or_too_much_is_a_refusal(cloud, tmp_path):
    bucket = ObjectBucket(cloud.url)
    cloud.put("visit.wav")
    for content in (b"", b"{" * 100_000):
        cloud.put("visit.wav.json", content)
        with bucket.fetch(only(bucket), tmp_path, LIMIT) as fetched:
            assert isinstance(fetched.sidecar, Refusal)


def test_an_object_of_no_bytes_is_fetched_so_that_the_door_can_refuse_it(cloud, tmp_path):
    cloud.put("empty.wav", b"")
    bucket = ObjectBucket(cloud.url)
    with bucket.fetch(only(bucket), tmp_path, LIMIT) as fetched:
        assert fetched.path.read_bytes() == b""


def test_what_is_removed_is_the_object_with_its_own_sidecar_and_never_another_version(cloud):
    bucket = ObjectBucket(cloud.url)
    cloud.put("visit.wav")
    cloud.put("visit.json", b"{}")
    bucket.remove(only(bucket))
    assert cloud.keys() == {"visit.json"}
    cloud.put("visit.wav")
    cloud.put("visit.wav.json", b"{}")
    file = only(bucket)
    cloud.put("visit.wav", b"somebody recorded it again")
    bucket.remove(file)
    assert cloud.keys() == {"visit.wav", "visit.wav.json", "visit.json"}
    bucket.remove(only(bucket))
    assert cloud.keys() == {"visit.json"}


def test_an_object_that_changed_or_went_since_it_was_listed_waits(cloud, tmp_path):
    bucket = ObjectBucket(cloud.url)
    for change in (lambda: cloud.put("a.wav", b"other"), lambda: bucket.remove(only(bucket))):
        cloud.put("a.wav")
        file = only(bucket)
        change()
        with pytest.raises(VaultUnavailableError) as waits, bucket.fetch(file, tmp_path, LIMIT):
            pass
        assert waits.value.code == "source_changed"
        assert list(tmp_path.iterdir()) == []


def test_a_bucket_that_is_not_there_is_no_empty_bucket(cloud):
    assert locations(ObjectBucket(cloud.url)) == []
    assert ObjectBucket(cloud.url).check()
    gone = ObjectBucket(cloud.url.replace("uploads", "nowhere"))
    for look in (gone.check, lambda: listed(gone)):
        with pytest.raises(BucketUnavailableError, match=r"404 (NoSuchBucket|ContainerNotFound)"):
            look()


def test_files_come_oldest_first_and_young_ones_wait(s3):
    for key, age_s in (("b.wav", 30), ("ward/a.wav", 50), ("c.wav", 40), ("young.wav", 2), ("old.wav", 60)):
        s3.put(key, age_s=age_s)
    s3.put("old.wav.json", b"{}", age_s=2)
    assert locations(ObjectBucket(s3.url), now=time.time(), stable_after_s=10) == ["ward/a.wav", "c.wav", "b.wav"]


def test_what_nobody_meant_as_an_upload_is_left_alone(s3):
    for key in ("a.wav", ".hidden.wav", "b.wav.part", "c.tmp", "d.wav~", "lonely.json", ".git/e.wav", "x/.y/f.wav"):
        s3.put(key)
    assert locations(ObjectBucket(s3.url)) == ["a.wav"]


def test_a_prefix_is_a_folder_and_no_beginning_of_a_name(s3):
    s3.put("a.wav")
    beside = type(s3)(s3.url + "2", s3.address)
    urllib.request.urlopen(
        urllib.request.Request(f"{s3.address}/{s3.name}/ward2/b.wav", data=b"sound", method="PUT")
    ).close()
    assert locations(ObjectBucket(s3.url)) == ["a.wav"]
    assert locations(ObjectBucket(beside.url)) == ["b.wav"]


def test_a_folder_marker_never_becomes_an_upload(s3, tmp_path):
    urllib.request.urlopen(
        urllib.request.Request(f"{s3.address}/{s3.name}/ward/night/", data=b"", method="PUT")
    ).close()
    bucket = ObjectBucket(s3.url)
    for file in listed(bucket).files:
        with pytest.raises(VaultUnavailableError) as waits, bucket.fetch(file, tmp_path, LIMIT):
            pass
        assert waits.value.code == "source_changed"


def test_a_key_that_cannot_be_read_is_told_and_not_named(s3):
    url = f"{s3.address}/{s3.name}/ward//{CANARY}.wav"
    urllib.request.urlopen(urllib.request.Request(url, data=b"sound", method="PUT")).close()
    with pytest.raises(BucketUnavailableError) as away:
        listed(ObjectBucket(s3.url))
    assert away.value.code == "bucket_bad_key"
    assert CANARY not in told(away.value)


def test_a_file_that_is_too_large_is_never_downloaded(s3, tmp_path):
    s3.put("huge.wav", b"x" * 2000)
    bucket = ObjectBucket(s3.url)
    with bucket.fetch(only(bucket), tmp_path, 1999) as fetched:
        assert not fetched.path.exists()


def test_thousands_of_objects_are_covered_slice_by_slice_with_every_sidecar(s3):
    names = [f"n{number:04}" for number in range(1100)]
    s3.put_many([f"{name}.wav" for name in names])
    s3.put_many(
        [f"{name}.wav.json" if number % 2 else f"{name}.json" for number, name in enumerate(names) if number % 3 == 0]
    )
    whole = {file.location: file.version for file in listed(ObjectBucket(s3.url)).files}
    assert len(whole) == 1100
    assert sum("+" in version for version in whole.values()) == 367
    ledger, rounds = Ledger(), BucketRounds(ObjectBucket(s3.url, slice_objects=1), every_s=0)
    assert sorted(ledger.tick(rounds, at_most=700)) == sorted(whole)[:700]
    assert len(ledger.tick(rounds)) == 400
    assert ledger.versions == whole
    assert ledger.tick(rounds) == []


def test_a_slice_that_ends_between_a_recording_and_its_sidecars_finds_them_all_the_same(s3, monkeypatch):
    from nurseconv_dagster.intake import object_bucket

    monkeypatch.setattr(object_bucket, "_PAGE_OBJECTS", 1)
    for name in ("visit.json", "visit.wav", "visit.wav.json", "walk", "walk-2.wav", "walk.json", "x.flac", "x.json"):
        s3.put(name, b"{}")
    cut = ObjectBucket(s3.url, slice_objects=1)
    found, after = {}, None
    while True:
        part = listed(cut, after=after)
        found |= {file.location: file.sidecar for file in part.files}
        if part.after is None:
            break
        after = part.after
    assert found == {"visit.wav": "visit.wav.json", "walk": "walk.json", "walk-2.wav": None, "x.flac": "x.json"}


def test_a_cloud_is_listed_as_often_as_was_asked_for_and_at_once_when_somebody_says_so(s3):
    ledger, rounds = Ledger(), BucketRounds(ObjectBucket(s3.url), every_s=3600)
    s3.put("a.wav")
    assert ledger.tick(rounds) == ["a.wav"]
    s3.put("b.wav")
    assert ledger.tick(rounds) == []
    event = datetime.now(UTC)
    assert ledger.tick(rounds, woken_at=event) == ["b.wav"]
    s3.put("c.wav")
    assert ledger.tick(rounds, woken_at=event) == []


def told(error):
    """All that a log or Dagster could show of an error."""
    import traceback

    from dagster_shared.error import SerializableErrorInfo

    info = SerializableErrorInfo.from_traceback(traceback.TracebackException.from_exception(error))
    return f"{info} {error.args}"


def test_errors_name_neither_keys_nor_prefixes(s3, tmp_path):
    s3.put(f"{CANARY}.wav")
    bucket = ObjectBucket(s3.url)
    file = only(bucket)
    elsewhere = ObjectBucket(s3.url.replace("uploads", "nowhere") + f"/{CANARY}")
    os.environ["AWS_ENDPOINT_URL"] = "http://127.0.0.1:1"
    away = ObjectBucket(s3.url)
    s3.kept().clear()
    errors = []
    for act in (
        lambda: bucket.fetch(file, tmp_path, LIMIT).__enter__(),
        lambda: away.fetch(file, tmp_path, LIMIT).__enter__(),
        lambda: away.remove(file),
        lambda: listed(away),
        lambda: listed(elsewhere),
    ):
        with pytest.raises((VaultUnavailableError, BucketUnavailableError)) as found:
            act()
        errors.append(found.value)
    assert [error.code for error in errors] == [
        "source_changed", "source_unreadable", "source_not_removed", "bucket_unavailable", "bucket_unavailable",
    ]  # fmt: skip
    assert [told(error) for error in errors if CANARY in told(error)] == []


def test_a_server_that_is_down_fails_within_seconds_and_the_next_tick_asks_again(s3):
    s3.put("a.wav")
    ledger, rounds = Ledger(), BucketRounds(ObjectBucket(s3.url), every_s=3600)
    os.environ["AWS_ENDPOINT_URL"] = "http://127.0.0.1:1"
    down = BucketRounds(ObjectBucket(s3.url), every_s=3600)
    for _ in range(2):
        began_at = time.monotonic()
        with pytest.raises(BucketUnavailableError):
            ledger.tick(down)
        assert time.monotonic() - began_at < 10
    down.bucket = rounds.bucket
    assert ledger.tick(down) == ["a.wav"]


def test_a_denied_bucket_is_told_as_such(s3):
    def with_auth_after(n_requests):
        request = urllib.request.Request(
            f"{s3.address}/moto-api/reset-auth", n_requests.encode(), {"Content-Type": "text/plain"}
        )
        urllib.request.urlopen(request).close()

    bucket = ObjectBucket(s3.url)
    with_auth_after("0")
    try:
        with pytest.raises(BucketUnavailableError) as denied:
            bucket.check()
    finally:
        with_auth_after("inf")
    assert denied.value.code == "bucket_denied"
    assert "403" in str(denied.value)


def test_without_tls_only_this_machine_is_reached_unless_told(s3):
    os.environ["AWS_ENDPOINT_URL"] = "http://minio.example:9000"
    with pytest.raises(SettingsError, match="BUCKET_ALLOW_HTTP"):
        ObjectBucket(s3.url)
    assert ObjectBucket(s3.url, allow_http=True)


def test_azure_without_an_account_is_refused_at_start():
    for name in [name for name in os.environ if name.startswith("AZURE_")]:
        del os.environ[name]
    with pytest.raises(SettingsError, match="AZURE_STORAGE_ACCOUNT_NAME"):
        ObjectBucket("az://container/prefix")


def peak_of(n_objects, slice_objects):
    """Bytes that going round a bucket takes at most; the objects are made up as they are listed."""

    class Endless:
        def list(self, *, offset, chunk_size):
            begin = int(offset[1:7]) + 1 if offset else 0
            for first in range(begin, n_objects, chunk_size):
                yield [
                    {
                        "path": f"v{number:06}.wav", "size": 1000, "version": None,
                        "last_modified": datetime(2024, 1, 1, tzinfo=UTC), "e_tag": f'"{number:032x}"',
                    }
                    for number in range(first, min(first + chunk_size, n_objects))
                ]  # fmt: skip

        def head(self, key):
            raise FileNotFoundError

    bucket = ObjectBucket("gs://endless/", slice_objects=slice_objects)
    bucket._store = Endless()
    asked = Counter()

    def known(wanted):
        found = {location: f"1000-{int(location[1:7]):032x}" for location in wanted}
        asked["locations"] += len(found)
        return found

    tracemalloc.start()
    try:
        deadline = time.monotonic() + 200
        assert list(BucketRounds(bucket, every_s=0).new_files(known, stable_after_s=0, deadline=deadline)) == []
        assert asked["locations"] == n_objects
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_memory_does_not_grow_with_the_bucket():
    """Thirty thousand at once would take 15 MiB; noise of other threads is part of what is measured."""
    assert peak_of(30_000, slice_objects=1000) < 8 * 2**20
