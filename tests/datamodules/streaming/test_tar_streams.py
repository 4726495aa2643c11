"""Never from half a shard: what is cut off, damaged or incomplete is refused, wherever a stream breaks."""

import gc
import json
import shutil
import signal
import tarfile

import pytest
import webdataset
from webdataset.gopen import Pipe

from datamodules.errors import DataError
from datamodules.streaming.tar_streams import unpack
from datamodules.windows.plan import Windows
from tests.datamodules.streaming.streams import WINDOWS, places, streamed


def cut(tar, size):
    with open(tar, "r+b") as file:
        file.truncate(size)


def headers(tar):
    with tarfile.open(tar) as file:
        return [(info.name, info.offset, info.offset_data) for info in file]


def end(tar):
    with tarfile.open(tar) as file:
        file.getmembers()
        return file.offset


def rewrite(tar, change):
    """Change every record of a shard."""
    samples = list(webdataset.tariterators.group_by_keys(unpack([{"url": tar}])))
    with webdataset.TarWriter(tar, mtime=0, encoder=False) as file:
        for sample in samples:
            change(sample)
            file.write({key: value for key, value in sample.items() if key != "__url__"})


class TestBroken:
    def refused(self, urls, message, **options):
        with pytest.raises(DataError, match=message) as refusal:
            places(streamed(urls, windows_per_epoch=4 * WINDOWS, **options))
        return str(refusal.value)

    @pytest.mark.parametrize(
        "where", ["between records", "between members", "in a header", "in data", "before the end"]
    )
    def test_a_tar_cut_anywhere_is_refused(self, lone_tars, where):
        files = headers(lone_tars[1])
        first_of_a_record = next(n for n in range(1, len(files)) if files[n][0][:15] != files[n - 1][0][:15])
        cut(
            lone_tars[1],
            {
                "between records": files[first_of_a_record][1],
                "between members": files[first_of_a_record + 1][1],
                "in a header": files[2][1] + 100,
                "in data": files[2][2] + 100,
                "before the end": end(lone_tars[1]) + 512,
            }[where],
        )
        self.refused(lone_tars, lone_tars[1])

    def test_a_cut_through_a_pipe_is_refused(self, lone_tars):
        cut(lone_tars[0], headers(lone_tars[0])[3][1])
        self.refused([f"pipe:cat {tar}" for tar in lone_tars], f"pipe:cat {lone_tars[0]}.*cut off", allow_pipe=True)

    def test_a_flipped_bit_in_a_header_is_refused(self, lone_tars):
        with open(lone_tars[1], "r+b") as file:
            file.seek(headers(lone_tars[1])[4][1])
            file.write(b"X")
        self.refused(lone_tars, f"{lone_tars[1]}.*damaged")

    def test_a_local_tar_of_another_size_than_its_index_says_is_refused(self, tars, lone_tars):
        shutil.copy(tars[2].replace(".tar", ".json"), lone_tars[2].replace(".tar", ".json"))
        with open(lone_tars[2], "ab") as file:
            file.write(bytes(512))
        self.refused(lone_tars, f"{lone_tars[2]}.*bytes, but its index says")

    @pytest.mark.parametrize("member", ["f0", "flac", "json"])
    def test_a_record_without_a_member_is_refused_by_its_key(self, lone_tars, member):
        rewrite(lone_tars[0], lambda sample: sample.pop(member))
        self.refused(lone_tars, rf"{lone_tars[0]}: t\d+_\d+: has no {member}")

    @pytest.mark.parametrize(
        ("member", "value"),
        [("json", b"{"), ("json", b"[]"), ("json", b'{"rate": 8000}'), ("flac", b"fLaC"), ("f0", bytes(12))],
        ids=["no JSON", "no object", "no grid", "no FLAC", "too few f0"],
    )
    def test_a_damaged_member_is_refused_by_its_key(self, lone_tars, member, value):
        rewrite(lone_tars[0], lambda sample: sample.update({member: value}))
        self.refused(lone_tars, rf"{lone_tars[0]}: t\d+_\d+: damaged")

    def test_audio_that_is_shorter_than_the_frames_is_refused(self, lone_tars):
        rewrite(lone_tars[0], lambda sample: (sample.pop("flac"), sample.update(i16=bytes(2000))))
        self.refused(lone_tars, rf"{lone_tars[0]}: t\d+_\d+: 1000 samples are fewer")

    def test_shards_of_another_grid_are_refused(self, lone_tars):
        def shift(sample):
            sample["json"] = json.dumps({**json.loads(sample["json"]), "rate": 16000}).encode()

        rewrite(lone_tars[2], shift)
        self.refused(lone_tars, r"t\d+_\d+: its grid is .*prepare all alike")

    def test_two_records_of_one_key_in_succession_are_refused(self, lone_tars):
        with webdataset.TarWriter(lone_tars[0], mtime=0, encoder=False) as tar:
            for _ in range(2):
                tar.write({"__key__": "same", "json": b"{}"})
        self.refused(lone_tars, f"{lone_tars[0]}.*same.json is in it twice")

    def test_shards_without_a_window_are_refused_instead_of_read_for_ever(self, lone_tars):
        for tar in lone_tars:
            rewrite(tar, lambda sample: sample.update(f0=bytes(len(sample["f0"]))))
        self.refused(lone_tars, "3 shards in succession hold no training window", windows=Windows(voiced_only=True))
        for tar in lone_tars:
            webdataset.TarWriter(tar).close()
        self.refused(lone_tars, "3 shards in succession hold no training window")

    def test_what_cannot_be_fetched_is_refused_by_its_address(self, tars, served):
        self.refused(f"{served}/nothing.tar", f"{served}/nothing.tar.*exit 22")
        self.refused(f"{tars[0]}.gone", f"{tars[0]}.gone: no such file")

    @pytest.mark.parametrize(
        "command", ["false", "cat {} && exec 1>&- && sleep 0.2 && exit 3", "head -c 20000 {}", "echo no tar"]
    )
    def test_a_command_that_fails_or_stops_early_is_refused(self, tars, command):
        url = f"pipe:{command.format(tars[0])}"
        assert url in self.refused(url, "cannot be read as a whole tar", allow_pipe=True)


def test_a_stream_that_is_left_stops_its_command(tars):
    command = f"cat {tars[0]}; head -c 1000000 /dev/zero; exec sleep 1000"
    loader = streamed(f"pipe:{command}", allow_pipe=True, windows_per_epoch=100, records=1)
    list(loader)
    (process,) = (each.proc for each in gc.get_objects() if type(each) is Pipe and each.args[0] == (command,))
    assert process.poll() is None
    loader.reader._stream = None
    assert process.returncode == -signal.SIGKILL
