"""What a fit goes on without, on disks that are full for real where a test may mount one."""

import contextlib
import errno
import json
import subprocess

import pytest
import torch

from callbacks import ErrorPictures, PredictedF0, ResumeCheckpoint, RunCurves, RunFolder, RunRecord, run_folder
from callbacks.guards.troubles import dispensable, troubles
from datamodules.errors import DataError


def full():
    raise OSError(errno.ENOSPC, "No space left on device", "somewhere/picture.png")


@contextlib.contextmanager
def mounted(folder, kilobytes):
    """A small file system of its own; skips where mounting is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", folder], capture_output=True)
    if made.returncode:
        pytest.skip("this user may not mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def filled(folder, left):
    """Fill a file system but for some bytes."""
    with (folder / "filling").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    with (folder / "filling").open("r+b") as file:
        file.truncate(max(0, file.seek(0, 2) - left))


@pytest.fixture
def run(quiet, toy_tracker, tmp_path):
    """Fits a run of a known name; gives the trainer."""

    class Logging(toy_tracker):
        def training_step(self, batch, index):
            loss = super().training_step(batch, index)
            self.log("train/loss", loss)
            return loss

    def fit(*more, module=None, **options):
        saving = ResumeCheckpoint(every_n_train_steps=2, run="mine")
        callbacks = [RunFolder(), RunCurves(), RunRecord(), PredictedF0(), ErrorPictures(), *more, saving]
        options = {"enable_checkpointing": True, "log_every_n_steps": 1, "default_root_dir": tmp_path, **options}
        trainer = quiet(*callbacks, **options)
        trainer.fit(module or Logging())
        return trainer

    return fit


def test_only_a_fit_goes_on_and_only_for_a_fault_of_the_machine(quiet, toy_tracker, capsys):
    trainer = quiet()
    trainer.fit(toy_tracker())
    for _ in range(2):
        with dispensable(trainer, "a picture"):
            full()
    why = "somewhere/picture.png: No space left on device; free some space there, and give the same command again"
    assert troubles(trainer) == [f"a picture: step 4: {why}"]
    assert capsys.readouterr().err == f"melisma: a picture: {why} (the training goes on)\n"
    with pytest.raises(DataError, match="wrong"), dispensable(trainer, "a picture"):
        raise DataError("data.train: wrong")
    with pytest.raises(OSError, match="unknown"), dispensable(trainer, "a picture"):
        raise OSError("unknown")
    trainer.validate(toy_tracker(), verbose=False)
    with pytest.raises(DataError, match="No space left"), dispensable(trainer, "a picture"):
        full()


@pytest.mark.faults
def test_tables_and_pictures_that_find_no_space_cost_no_training(run, tmp_path, capsys):
    with mounted(tmp_path / "runs" / "mine" / "validation", 20):
        trainer = run()
        told = capsys.readouterr().err
    folder = run_folder(trainer)
    assert trainer.global_step == 4 and (folder / "checkpoints" / "last.ckpt").is_file()
    assert "what ErrorPictures writes: " in told and "No space left on device" in told
    record = json.loads((folder / "record.json").read_text())
    assert record["finished"] and any("ErrorPictures" in each for each in record["troubles"])


@pytest.mark.faults
def test_curves_that_find_no_space_have_no_half_line(run, tmp_path):
    curves = tmp_path / "runs" / "mine" / "curves.jsonl"
    with mounted(tmp_path / "disk", 16) as disk:
        curves.parent.mkdir(parents=True)
        curves.symlink_to(disk / "curves.jsonl")
        filled(disk, 0)
        (disk / "curves.jsonl").touch()
        with (disk / "filling").open("r+b") as file:
            file.truncate(file.seek(0, 2) - 4096)  # one page for the curves
        trainer = run(max_epochs=40, limit_val_batches=0)
        lines = (disk / "curves.jsonl").read_bytes()
        assert 2000 < len(lines) <= 4096 and lines.endswith(b"\n")
        assert all(json.loads(line) for line in lines.splitlines())
    assert any("curves.jsonl: step" in each for each in troubles(trainer))


@pytest.mark.faults
def test_a_checkpoint_that_finds_no_space_ends_the_training_and_the_one_before_stays(
    run, tmp_path, toy_tracker, capsys
):

    class Growing(toy_tracker):
        """Its disk is full behind the first checkpoint."""

        def training_step(self, batch, index):
            if self.global_step == 3:
                filled(disk, 0)
            return super().training_step(batch, index)

    with mounted(tmp_path / "runs" / "mine" / "checkpoints", 200) as disk:
        with pytest.raises(DataError, match=r"last.ckpt: No space left on device; free some space"):
            run(module=Growing(), limit_val_batches=0)
        (left,) = disk.glob("*.ckpt")
        assert torch.load(left, weights_only=True)["global_step"] == 2 and not list(disk.glob(".*"))
    assert "is not saved" not in capsys.readouterr().err  # it is said once
