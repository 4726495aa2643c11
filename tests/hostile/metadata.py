"""Damaged dataset.json, sidecars, tars, column files and staging folders, given to the commands that read them."""

import hashlib
import io
import json
import os
import random
import shutil
import struct
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tests.hostile import damage
from tests.hostile.harness import Hostile
from tests.hostile.world import RECIPE, World, copied

CHECK = b', "sha256_of_the_rest": "'
TAIL = struct.Struct("<Q32s16s")
FIT = """\
model:
  class_path: lightning_modules.MelodyTracker
  init_args:
    network: {class_path: architectures.CREPE, init_args: {window: 512, capacity: 1, dropout: 0.1}}
    grid: {lowest_note: 47, semitones: 26, bins_per_semitone: 1}
    loss: {class_path: lightning_modules.SalienceBCE, init_args: {sigma: 0.25, unvoiced_weight: 1.0}}
    decoder: {class_path: lightning_modules.LocalAverage, init_args: {radius: 0.5}}
    optimizer: {class_path: torch.optim.Adam, init_args: {lr: 0.002}}
data:
  class_path: datamodules.MelodyData
  init_args: {train: [shards], validation: {mine: shards}, batch_size: 8}
checkpoint: {monitor: val/mine/raw_pitch_accuracy, mode: max}
trainer: {max_steps: 2, val_check_interval: 2, check_val_every_n_epoch: null, logger: false,
  enable_progress_bar: false, enable_model_summary: false, num_sanity_val_steps: 0, accelerator: cpu, devices: 1}
"""
Change = Callable[[Path], None]


def inputs(seed: int, count: int, world: World) -> Iterator[Hostile]:
    """Inputs of this kind; the same seed makes the same ones."""
    kinds = (_description, _description, _sidecar, _sidecar, _tar, _columns, _columns, _staging, _placed)
    for number in range(count):
        draw = random.Random(f"metadata {seed} {number}")
        name, words, lay = draw.choice(kinds)(draw, world)
        yield Hostile(f"{seed}/{number} {name}, {' '.join(words)}"[:200], words, lay)


def _command(draw: random.Random) -> list[str]:
    word = draw.choice(("inspect", "verify", "prepare") * 4 + ("fit",))
    if word == "fit":
        return ["fit", "--config", "fit.yaml"]
    return ["prepare", "recipe.yaml"] if word == "prepare" else [word, "shards"]


def _laid(source: Path, change: Change) -> Change:
    def lay(here: Path) -> None:
        copied(source, here)
        (here / "recipe.yaml").write_text(RECIPE)
        (here / "fit.yaml").write_text(FIT)
        change(here / "shards")

    return lay


def _description(draw: random.Random, world: World) -> tuple[str, list[str], Change]:
    content = (world.shards / "dataset.json").read_bytes()
    if draw.random() < 0.25:
        name, damaged = damage.bytes_of(content, draw)
    else:
        document = json.loads(content)
        del document["sha256_of_the_rest"]
        name, document = damage.value_of(document, draw)
        for _ in range(0 if name.endswith("nested") else draw.choice((0, 0, 1))):
            more, document = damage.value_of(document, draw)
            name += f", {more}"
        damaged = damage.json_of(document)
    change = _writes("dataset.json", damaged)
    return f"dataset.json: {name}", _command(draw), _laid(world.shards, change)


def _writes(name: str, content: bytes) -> Change:
    def change(shards: Path) -> None:
        (shards / name).write_bytes(content)

    return change


def _sealed(document: object) -> bytes:
    """A sidecar with the hash that belongs to it."""
    content = damage.json_of(document)
    return content[:-1] + CHECK + hashlib.sha256(content).hexdigest().encode() + b'"}'


def _accepted(shards: Path, sidecar: str | None = None, split: str | None = None) -> None:
    """Make dataset.json state the hash of a sidecar or column file that was changed."""
    path = shards / "dataset.json"
    document = json.loads(path.read_bytes())
    del document["sha256_of_the_rest"]
    for name, each in document["splits"].items():
        if sidecar is not None and sidecar.replace(".json", ".tar") in each["shards"]:
            place = each["shards"].index(sidecar.replace(".json", ".tar"))
            each["indexes"][place] = hashlib.sha256((shards / sidecar).read_bytes()).hexdigest()
            (shards / f"{name}.index").unlink()
            del each["columns"]
        if name == split:
            content = (shards / f"{name}.index").read_bytes()
            each["columns"].update(size=len(content), sha256=hashlib.sha256(content).hexdigest())
    path.write_bytes(json.dumps(document).encode())


def _sidecar(draw: random.Random, world: World) -> tuple[str, list[str], Change]:
    path = draw.choice(sorted(world.shards.glob("*-of-*.json")))
    content = path.read_bytes()
    accepted = draw.random() < 0.7
    if draw.random() < 0.2:
        name, damaged = damage.bytes_of(content, draw)
    else:
        document = json.loads(content)
        del document["sha256_of_the_rest"]
        # One record has most of the values, and all others alike.
        if draw.random() < 0.6:
            name, document["records"][0] = damage.value_of(document["records"][0], draw)
        else:
            name, document = damage.value_of(document, draw)
        damaged = _sealed(document)

    def change(shards: Path) -> None:
        (shards / path.name).write_bytes(damaged)
        if accepted:
            _accepted(shards, sidecar=path.name)

    return f"{path.name}{' accepted' * accepted}: {name}", _command(draw), _laid(world.shards, change)


_TYPES = (tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE)
_MEMBERS = ("../outside/canary", "/tmp/x", "a/../../outside/canary", "\u00e9" * 300, "x.flac", "x", "", ".", "con")


def _strange_tar(draw: random.Random) -> bytes:
    """A tar of which nothing should be made: links, devices, members that lead out, sizes that are not there."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=draw.choice((tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT))) as tar:
        for _ in range(draw.choice((1, 4))):
            info = tarfile.TarInfo(draw.choice(_MEMBERS)[:40])
            info.type = draw.choice(
                (tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE)
            )
            info.linkname = draw.choice(("../outside/canary", "/etc/passwd", ""))
            info.size = draw.choice((0, 1 << 32)) if info.type == tarfile.REGTYPE else 0
            tar.addfile(info)
    return file.getvalue()


def _tar(draw: random.Random, world: World) -> tuple[str, list[str], Change]:
    path = draw.choice(sorted(world.shards.glob("*.tar")))
    content = path.read_bytes()
    if draw.random() < 0.5:
        name, damaged = damage.bytes_of(content, draw)
    else:
        name, damaged = "strange members", _strange_tar(draw).ljust(len(content), b"\0")[: len(content)]
    accepted = draw.random() < 0.5

    def change(shards: Path) -> None:
        (shards / path.name).write_bytes(damaged)
        if accepted:  # the sidecar says that this is what was written
            sidecar = shards / path.with_suffix(".json").name
            document = json.loads(sidecar.read_bytes())
            del document["sha256_of_the_rest"]
            document.update(bytes=len(damaged), sha256=hashlib.sha256(damaged).hexdigest())
            sidecar.write_bytes(_sealed(document))
            _accepted(shards, sidecar=sidecar.name)

    return f"{path.name}{' accepted' * accepted}: {name}", _command(draw), _laid(world.shards, change)


def _columns(draw: random.Random, world: World) -> tuple[str, list[str], Change]:
    path = draw.choice(sorted(world.shards.glob("*.index")))
    content = path.read_bytes()
    kind = draw.choice(("bytes", "bytes", "header", "header", "array", "unchecked"))
    length = TAIL.unpack(content[-TAIL.size :])[0]
    arrays, header = content[: -TAIL.size - length], json.loads(content[-TAIL.size - length : -TAIL.size])
    if kind == "bytes":
        name, damaged = damage.bytes_of(content, draw)
    else:
        if kind == "header":
            name, header = damage.value_of(header, draw)
        else:
            unchecked = ("rows", "bitmaps", "keys", "keys_ends")
            name = draw.choice(unchecked if kind == "unchecked" else sorted(header["arrays"]))
            array = header["arrays"][name]
            values = np.frombuffer(arrays, array["dtype"], int(np.prod(array["shape"])), array["offset"]).copy()
            strange = draw.choice((-1, 0, 1, 255, 1 << 30, (1 << 31) - 1, -(1 << 31)))
            values[draw.randrange(values.size)] = np.array([strange]).astype(values.dtype)[0]
            end = array["offset"] + values.nbytes
            arrays = arrays[: array["offset"]] + values.tobytes() + arrays[end:]
            if kind == "array":
                array["sha256"] = hashlib.sha256(values.tobytes()).hexdigest()
            name = f"{name} has {strange}"
        text = damage.json_of(header)
        damaged = arrays + text + TAIL.pack(len(text), hashlib.sha256(text).digest(), content[-16:])
    accepted = draw.random() < 0.8

    def change(shards: Path) -> None:
        (shards / path.name).write_bytes(damaged)
        if accepted:
            _accepted(shards, split=path.stem)

    return f"{path.name}{' accepted' * accepted} {kind}: {name}", _command(draw), _laid(world.shards, change)


def _staging(draw: random.Random, world: World) -> tuple[str, list[str], Change]:
    """A preparation that was stopped, and something in its folder is not as it was left."""
    source = world.interrupted
    kind = draw.choice(("journal", "journal", "notes", "notes", "arrays", "mark", "extra"))
    folder = source / ".staging"
    files = sorted(path.relative_to(source) for path in folder.rglob("*") if path.is_file())
    pages = [path for path in files if kind in path.parts] or files
    page = draw.choice(pages)
    content = (source / page).read_bytes()
    if kind == "journal" and draw.random() < 0.7:
        names = json.loads(content)
        for _ in range(draw.choice((1, 2))):
            nasty = ("../outside/canary", "dataset.json", "mine.txt", "../../recipe.yaml", "x-000000-of-000001.tar")
            names.append(draw.choice((*nasty, *damage.STRANGE)))
        name, damaged = f"it names {names[-1]!r}"[:60], damage.json_of(names)
    elif kind == "notes" and draw.random() < 0.7:
        lines = content.splitlines()
        place = draw.randrange(len(lines))
        name, document = damage.value_of(json.loads(lines[place]), draw)
        lines[place] = damage.json_of(document)
        damaged = b"\n".join(lines) + b"\n"
    else:
        name, damaged = damage.bytes_of(content, draw)

    def change(shards: Path) -> None:
        (shards / "mine.txt").write_text("mine")
        if kind == "extra":
            (shards / page).unlink()
        else:
            (shards / page).write_bytes(damaged)

    return f"{page}: {'removed' if kind == 'extra' else name}", ["prepare", "recipe.yaml"], _laid(source, change)


_LINKS = (".staging", ".staging/notes", ".staging/journal", ".staging/arrays", ".staging/melisma-prepare")
_PLACES = ("dataset.json", "train.index", "validation.index")


def _placed(draw: random.Random, world: World) -> tuple[str, list[str], Change]:
    """Something else than a file stands where a file is expected, or a link leads out of the folder."""
    stopped = draw.random() < 0.4
    source = world.interrupted if stopped else world.shards
    tars = sorted(path.name for path in source.glob("*-of-*"))
    place = draw.choice((*_LINKS, *_LINKS) if stopped else (*_PLACES, *tars))
    kind = draw.choice(("link", "link", "dangling", "circle", "folder", "fifo", "device", "missing", "unreadable"))

    def change(shards: Path) -> None:
        path = shards / place
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        path.parent.mkdir(exist_ok=True)
        outside = shards.parent.parent / "outside"
        if kind == "link":
            path.symlink_to(outside if stopped and place != ".staging/melisma-prepare" else outside / "canary")
        elif kind == "dangling":
            path.symlink_to(outside / "nowhere")
        elif kind == "circle":
            path.symlink_to(path.name)
        elif kind == "folder":
            path.mkdir()
            (path / "mine").write_text("mine")
        elif kind == "fifo":
            os.mkfifo(path)
        elif kind == "device":
            path.symlink_to(draw.choice(("/dev/zero", "/dev/full", "/proc/self/mem")))
        elif kind == "unreadable":
            path.write_bytes(b"")
            path.chmod(0)

    words = ["prepare", "recipe.yaml"] if stopped else _command(draw)
    return f"{place}: {kind}", words, _laid(source, change)
