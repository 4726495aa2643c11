"""A disk that fills up at any write: one line that names the file, nothing half-written; the same command goes on."""

import random
import resource
import shutil
from pathlib import Path

import pytest
import yaml

from tests.experiments.machine_faults.conftest import one_line
from tests.experiments.machine_faults.forked import melisma
from tests.experiments.machine_faults.places import can_mount, contents, disk
from tests.experiments.machine_faults.results import of_run
from tests.experiments.studies.conftest import STATED

pytestmark = pytest.mark.faults
mounts = pytest.mark.skipif(not can_mount(), reason="only root can mount a small disk")

PAGE, SIZES = 4096, 8
FULL = "No space left on device; free some space there, and give the same command again"

# What every command is given; what it writes goes into the current folder, the small disk.
COMMANDS = {
    "prepare": lambda w: ["prepare", w.preparing],
    "prepare on threads": lambda w: ["prepare", w.preparing, "-j", "2", "--backend", "threading"],
    "prepare with a cache": lambda w: ["prepare", w.preparing, "--cache", "cache"],
    "transcribe": lambda w: [
        "transcribe", w.recordings, "--model", w.released, "--out", "answers", "--format", "csv,sv,midi,pitchtier,npz",
    ],
    "release": lambda w: ["release", w.run, "--out", "released"],
    "export": lambda w: ["export", w.released, "--out", "model.pt2"],
    "evaluate": lambda w: ["evaluate", w.recordings, f"a={w.recordings}", f"b={w.recordings}", "--out", "scores"],
    "compare": lambda w: [
        "compare", f"{w.shards}:validation", "--methods", f"a={w.released},b={w.released}", "--out", "judged",
    ],
    "browser": lambda w: ["browser", "--model", w.released, "--out", "site"],
    "report": lambda w: ["report", w.run, "--out", "page/report.html"],
    "validate": lambda w: ["validate", "--config", "run/config.yaml", "--ckpt_path", "run/checkpoints/best.ckpt"],
    "fit": lambda w: ["fit", "--config", w.small_recipe, "--resume.run=mine", "--resume.every_n_train_steps=3"],
}  # fmt: skip
QUICK, SLOW = ("transcribe",), {"browser": 2}


def without_network():
    """What a page needs of npm comes from here."""
    from experiments.browser import site
    from experiments.browser.runtime import FILES

    site.fetch_runtime = lambda folder: [(folder / name).write_bytes(bytes(1 << 16)) for name in FILES]


BEFORE = {"browser": without_network}


def lay(world, name, folder: Path) -> set[str]:
    """What a command finds in the folder that it writes to, by name."""
    if name == "validate":
        shutil.copytree(world.run, folder / "run")
    return set(contents(folder))


@mounts
@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.long) for name in COMMANDS]
)
def test_a_full_disk_is_named_and_the_same_command_goes_on(world, tmp_path, name):
    words, wholes = COMMANDS[name](world), []
    for each in ("whole", "again"):
        with disk(tmp_path / each):
            there = lay(world, name, tmp_path / each)
            ended = melisma(words, tmp_path / each, BEFORE.get(name))
            assert ended.code == 0, ended.output
            wholes.append(contents(tmp_path / each))
    # Files that tell the time are not the same twice, or by chance.
    timed = ("record.json", "curves.jsonl", "method.json", "summary.json", "judgement.json", ".md", ".ckpt")
    same = {file: found for file, found in wholes[0].items() if wholes[1][file] == found and not file.endswith(timed)}
    taken, needed = (sum(pages(wholes[0][file]) for file in of) for of in (there, wholes[0].keys() - there))
    draw, failures = random.Random(name), 0
    sizes = 3 if name in QUICK else SLOW.get(name, SIZES)
    for place in range(sizes):
        folder = tmp_path / str(place)
        with disk(folder) as small:
            lay(world, name, folder)
            small.resize((taken + 4 + int((place + draw.random()) * needed / sizes)) * PAGE)
            ended = melisma(words, folder, BEFORE.get(name))
            found = contents(folder)
            if ended.code:
                failures += 1
                message = one_line(ended, FULL)
                assert any(f"{top}" in message for top in tops(wholes[0]))
            assert not [file for file in found if file.endswith(".tmp") and ".staging" not in file]
            written = {file: content for file, content in found.items() if file in same}
            if name != "fit":  # whose files are of an earlier validation
                assert written.items() <= same.items(), "a file is half-written"
            small.resize(1 << 28)
            if ended.code:
                ended = melisma(words, folder, BEFORE.get(name))
                assert ended.code == 0, ended.output
            found = contents(folder)
            assert found.keys() == wholes[0].keys() and same.items() <= found.items()
    assert failures


def pages(content: bytes) -> int:
    return -(-len(content) // PAGE)


def tops(names) -> set[str]:
    return {name.partition("/")[0] for name in names}


@pytest.mark.parametrize("name", ["prepare", "transcribe"])
def test_a_limit_of_the_size_of_files_is_named_and_the_same_command_goes_on(world, prepared, tmp_path, name):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4500, 4500))

    words = COMMANDS[name](world)
    message = one_line(melisma(words, tmp_path / "here", limit), "File too large", "ulimit -f")
    # It is the fault of no recording, and none is left out for it.
    assert message.startswith("melisma: shards/" if name == "prepare" else "melisma: answers/")
    assert not [file for file in contents(tmp_path / "here") if file.endswith(".tmp")]
    ended = melisma(words, tmp_path / "here")
    assert ended.code == 0, ended.output
    if name == "prepare":
        assert contents(tmp_path / "here") == prepared


MANY = {
    "sweep": {
        "method": "grid",
        "metric": {"name": "val/mine/raw_pitch_accuracy", "goal": "maximize"},
        "parameters": {"model.optimizer.lr": {"values": [0.01, 0.001]}},
        "command": ["${env}", "melisma", "fit", "--config={recipe}", "${args}"],
    },
    "study": {
        **STATED,
        "recipe": "{recipe}",
        "settings": {"trainer.callbacks": None},
        "runs": {"longer": {}, "shorter": {"trainer.max_steps": 6}},
        "seeds": [0, 1],
        "findings": [
            {
                **{"claim": "Longer is surer.", "published": "nothing", "metric": "mine/voiced_confidence"},
                "order": ["shorter", "longer"],
            },
        ],
    },
}


@mounts
@pytest.mark.long
@pytest.mark.parametrize("name", MANY)
def test_a_full_disk_ends_what_makes_many_runs_and_none_of_them_counts_as_failed(world, tmp_path, name):
    file = tmp_path / "many.yaml"
    file.write_text(yaml.safe_dump(MANY[name], sort_keys=False).replace("{recipe}", str(world.small_recipe)))
    words = [name, file, "--jobs", 1, *(["--repeats", 0] if name == "sweep" else [])]
    with disk(tmp_path / "whole"):
        ended = melisma(words, tmp_path / "whole")
        assert ended.code == 0, ended.output
        whole, needed = runs_of(tmp_path / "whole"), sum(map(pages, contents(tmp_path / "whole").values()))
    assert len(whole) == (2 if name == "sweep" else 4)
    failures = 0
    for place in (0.1, 0.3, 0.6):
        folder = tmp_path / str(place)
        with disk(folder) as small:
            small.resize(int(place * needed) * PAGE)
            ended = melisma(words, folder)
            if ended.code:
                failures += 1
                assert "runs/" in one_line(ended, FULL)
                small.resize(1 << 28)
                ended = melisma(words, folder)
            assert ended.code == 0, ended.output
            assert runs_of(folder) == whole
    assert failures > 1


def runs_of(folder: Path) -> dict[str, dict[str, object]]:
    """The weights of the runs below a folder, and their steps."""
    found = {f"{path.parent.relative_to(folder)}": of_run(path.parent) for path in folder.rglob("record.json")}
    return {run: {key: value for key, value in each.items() if ".ckpt/" in key} for run, each in found.items()}
