"""Arrays of jobs on a real SLURM of two nodes: one of them is killed, and the result is that of one process alone."""

import json
import subprocess

import numpy as np
import pytest
import soundfile
import yaml

from tests import slurm_local
from tests.experiments.studies.conftest import STATED
from tests.experiments.test_cluster import CORPUS
from tests.slurm_local import log_of, state_of, submitted, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.long]

OPTIONS = ("--array=0-1", "--exclusive", "--cpus-per-task=1")  # a node each


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    with slurm_local.started(tmp_path_factory.mktemp("slurm")) as environment:
        yield environment


def kill(job, slurm):
    # The command alone, and at once: without --batch, SLURM sends SIGTERM before.
    subprocess.run(["scancel", "--batch", "--signal=KILL", job], env=slurm, check=True)
    assert wait_for(lambda: state_of(job, slurm) in ("FAILED", "CANCELLED"), 60)


def ended(job, slurm, folder):
    assert wait_for(lambda: state_of(job, slurm) not in ("RUNNING", "PENDING", "COMPLETING"), 400), log_of(folder)
    assert state_of(job, slurm) == "COMPLETED", log_of(folder)[-4000:]


def alone(slurm, folder, *words):
    done = subprocess.run([slurm["MELISMA"], *map(str, words)], cwd=folder, env=slurm, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]


def content(folder, pattern):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob(pattern) if path.is_file()}


def test_a_list_is_transcribed(slurm, trained_run, tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(80):
        phase = 2 * np.pi * (200 + number) * np.arange(20 * 8000) / 8000
        soundfile.write(tmp_path / "in" / f"r{number:02d}.wav", 0.3 * np.sin(phase), 8000)
    listed = sorted((tmp_path / "in").glob("*.wav"))
    (tmp_path / "list.txt").write_text("\n".join(map(str, listed)))
    words = ["--list", tmp_path / "list.txt", "--model", trained_run, "--out"]
    job = submitted(slurm, tmp_path, "transcribe.sbatch", [*words, tmp_path / "array"], *OPTIONS)
    own = [tmp_path / "array" / f"{path.stem}.csv" for path in listed[1::2]]
    assert wait_for(lambda: any(path.exists() for path in own), 120), log_of(tmp_path)
    kill(f"{job}_1", slurm)
    assert not all(path.exists() for path in own), "it was through before it was killed"
    ended(f"{job}_0", slurm, tmp_path)
    alone(slurm, tmp_path, "transcribe", *words, tmp_path / "alone")
    assert content(tmp_path / "array", "*.csv") == content(tmp_path / "alone", "*.csv")
    assert len(content(tmp_path / "array", "*.csv")) == 80


def test_the_runs_of_a_study_are_made_once_and_that_of_a_killed_job_goes_on(slurm, small_recipe, tmp_path):
    stated = {
        **STATED,
        "recipe": str(small_recipe),
        "settings": {
            **{"trainer.callbacks": None, "trainer.val_check_interval": 100, "trainer.max_steps": 600},
            "resume.every_n_train_steps": 20,
        },
        "runs": {"plain": {}, "slower": {"model.init_args.optimizer.init_args.lr": 0.001}},
        "findings": [
            {
                **{"claim": "Fast is better.", "published": "nothing", "metric": "mine/raw_pitch_accuracy"},
                "order": ["slower", "plain"],
            }
        ],
    }
    (tmp_path / "rate.yaml").write_text(yaml.safe_dump(stated))
    folder = tmp_path / "array" / "rate"
    words = ["rate.yaml", "--out"]
    job = submitted(slurm, tmp_path, "study.sbatch", [*words, "array"], *OPTIONS)
    assert wait_for(lambda: list(folder.glob("slower/*/checkpoints/last.ckpt")), 200), log_of(tmp_path)
    kill(f"{job}_1", slurm)
    (killed,) = (path.parents[1] for path in folder.glob("slower/*/checkpoints/last.ckpt"))
    assert not (killed / "record.json").exists() or not json.loads((killed / "record.json").read_text())["finished"]
    ended(f"{job}_0", slurm, tmp_path)
    records = [json.loads(path.read_text()) for path in folder.glob("*/seed*/record.json")]
    assert [record["finished"] for record in records] == [True] * 4
    assert "last.ckpt" in (killed / "fit.log").read_text(), "it began anew"
    assert (folder / "study.json").exists() and not (folder / ".claims").exists()
    alone(slurm, tmp_path, "study", *words, "alone", "--jobs=2")
    tables = content(tmp_path / "alone" / "rate", "*/seed*/validation/mine/scores.tsv")
    assert len(tables) == 4 and content(folder, "*/seed*/validation/mine/scores.tsv") == tables


def test_workers_of_prepare_are_jobs_of_the_queue(slurm, tmp_path):
    pytest.importorskip("dask_jobqueue")
    for name in ("queue", "alone"):
        (tmp_path / f"{name}.yaml").write_text(CORPUS.replace("DIRECTORY", str(tmp_path / name)))
    settings = {
        **{"cores": 1, "processes": 1, "memory": "1GB", "walltime": "00:10:00", "interface": "lo"},
        **{"log-directory": str(tmp_path / "logs"), "job-extra-directives": ["--exclusive"]},
    }
    (tmp_path / "jobqueue.yaml").write_text(yaml.safe_dump({"jobqueue": {"slurm": settings}}))
    queue = ["--backend=dask", f"--scheduler={tmp_path / 'jobqueue.yaml'}", "--jobs=2"]
    alone(slurm, tmp_path, "prepare", tmp_path / "queue.yaml", *queue)
    assert len(list((tmp_path / "logs").glob("*.out"))) == 2
    alone(slurm, tmp_path, "prepare", tmp_path / "alone.yaml")
    assert content(tmp_path / "queue", "[!.]*") == content(tmp_path / "alone", "[!.]*")
