"""Ways to damage a checkpoint: its bytes, a value, a tensor, a pickle that runs something, or all of it."""

import io
import pickle
import random
import struct
import zipfile
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from tests.hostile import damage

EVIL = "open('../outside/executed', 'a').write('x')"


def bytes_damaged(draw: random.Random, content: bytes) -> tuple[str, Callable[[], bytes]]:
    if draw.random() < 0.5:
        name, damaged = damage.bytes_of(content, draw)
        return name, lambda: damaged
    with zipfile.ZipFile(io.BytesIO(content)) as archive:  # the pickle alone, in an archive that is sound
        part = draw.choice(archive.namelist()[:3]) if draw.random() < 0.3 else _pickle_of(archive)
        name, damaged = damage.bytes_of(archive.read(part), draw)
        rewritten = _archive(archive, {part: damaged}, draw.choice((0, 0, 0, zipfile.ZIP_DEFLATED)))
    return f"{part}: {name}", lambda: rewritten


def value_damaged(draw: random.Random, content: bytes) -> tuple[str, Callable[[], bytes]]:
    document = _plain(torch.load(io.BytesIO(content), weights_only=True))
    for _ in range(20):
        name, damaged = damage.value_of(document, draw)
        try:
            saved = _saved(damaged)
        except (RecursionError, OverflowError, pickle.PicklingError):
            continue
        return name, partial(bytes, saved)
    return "as it was", lambda: content


def _plain(value: Any) -> Any:
    """Mappings as dicts, so that their values are found."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def tensor_damaged(draw: random.Random, content: bytes) -> tuple[str, Callable[[], bytes]]:
    state = torch.load(io.BytesIO(content), weights_only=True)
    weights = state["state_dict"]
    name = draw.choice([name for name, value in weights.items() if isinstance(value, torch.Tensor)])
    value = weights[name]
    ways = {
        "NaN": lambda: torch.full_like(value.float(), float("nan")),
        "one infinity": lambda: torch.where(torch.arange(value.numel()).view(value.shape) == 0, torch.inf, value),
        "another shape": lambda: torch.zeros(3, 5),
        "10^10 of one": lambda: torch.zeros(1).expand(10**10),
        "its shape of one": lambda: torch.zeros(()).expand(value.shape),
        "sparse": lambda: torch.zeros(4, 4).to_sparse(),
        "meta": lambda: torch.empty(10**9, device="meta"),
        "complex": lambda: value.to(torch.complex64),
        "integers": lambda: value.to(torch.int64),
        "quantised": lambda: torch.quantize_per_tensor(torch.zeros(3), 0.1, 0, torch.qint8),
        "float8": lambda: value.float().to(torch.float8_e4m3fn),
        "a number": lambda: 7,
        "a list": lambda: [1.0],
        "a parameter": lambda: torch.nn.Parameter(value.float()),
        "huge": lambda: torch.full_like(value.float(), 3e38),
        "nothing": lambda: None,
    }
    way = draw.choice(list(ways))
    weights[name] = ways[way]()
    if way == "nothing":
        del weights[name]
    if draw.random() < 0.1:
        weights.clear()
    return f"{name}: {way}", lambda: _saved(state)


def pickle_damaged(draw: random.Random, content: bytes) -> tuple[str, Callable[[], bytes]]:
    """What runs something where it is loaded as pickles usually are, or takes all memory."""
    calls = {
        "os.system": ("os", "system", ("echo x >> ../outside/executed",)),
        "exec": ("builtins", "exec", (EVIL,)),
        "eval": ("builtins", "eval", (EVIL,)),
        "open": ("builtins", "open", ("../outside/executed", "w")),
        "import": ("importlib", "import_module", ("evil",)),
        "module": ("evil", "make", ()),
        "torch.hub.load": ("torch.hub", "load", ("here", "there")),
        "torch.load": ("torch.serialization", "load", ("other",)),
        "Popen": ("subprocess", "Popen", (["touch", "../outside/executed"],)),
        "getattr": ("builtins", "getattr", ("x", "y")),
        "bytearray": ("builtins", "bytearray", (10**10,)),
        "FloatStorage": ("torch", "FloatStorage", (10**10,)),
        "FloatTensor": ("torch", "FloatTensor", (10**9,)),
        "Tensor": ("torch", "Tensor", (10**9,)),
        "Size": ("torch", "Size", ([1 << 62] * 1000,)),
        "OrderedDict": ("collections", "OrderedDict", ([1, 2],)),
        "Parameter": ("torch._utils", "_rebuild_parameter", (1, 2, 3)),
        "tensor": ("torch._utils", "_rebuild_tensor_v2", (None, 0, (1 << 40,), (1,), False, None)),
    }
    name = draw.choice((*calls, "nested", "laughs", "long"))
    if name in calls:
        called = _called(*calls[name])
    elif name == "nested":
        called = b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b"."
    elif name == "laughs":
        called = b"\x80\x02]q\x00" + b"".join(
            b"]q" + bytes([n + 1]) + (b"h" + bytes([n]) + b"a") * 10 for n in range(200)
        )
        called += b"."
    else:
        called = b"\x80\x02\x8b" + struct.pack("<i", 1 << 30) + b"."
    way = draw.choice(("bare", "archive", "state_dict", "beside", "joblib"))
    if way == "bare":
        return f"pickle of {name}", lambda: called
    if way == "joblib":
        return f"legacy file of {name}", lambda: b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03." + called

    def made() -> bytes:
        body = called
        if way != "archive":
            key = b"state_dict" if way == "state_dict" else b"callbacks"
            body = b"\x80\x02}X" + struct.pack("<I", len(key)) + key + called[2:-1] + b"s."
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _archive(archive, {_pickle_of(archive): body})

    return f"archive of {name} ({way})", made


def _called(module: str, name: str, arguments: tuple[Any, ...]) -> bytes:
    body = pickle.dumps(arguments, 2)[2:-1]
    return b"\x80\x02c" + f"{module}\n{name}\n".encode() + body + b"R."


def whole_damaged(draw: random.Random, content: bytes) -> tuple[str, Callable[[], bytes]]:
    state = torch.load(io.BytesIO(content), weights_only=True)
    data = dict(state["MelodyData"])
    shards = {
        "rate": draw.choice((0, -1, 10**9, "16000", None, 0.5, 1 << 40, 44100)),
        "hop": draw.choice((0, -1, 10**9, "160", None, 16000, 1)),
        "spectrogram": draw.choice(
            (
                {"class": "Nothing"},
                {"class": "os.system"},
                {},
                "text",
                {"class": "ConstantQ", "octaves": 10**6},
                {"class": "ConstantQ", "minimum": 1e-9},
                {"class": "ConstantQ", "bins_per_octave": 1 << 40},
                {"class": "ConstantQ", "filter_scales": [1e9], "top_dbs": [80.0]},
                {"class": "HarmonicConstantQ", "nothing": 1},
                {"class": "HarmonicConstantQ", "harmonics": [1e9]},
                {"class": "ConstantQ"},
                {"class": []},
            )
        ),
    }
    key = draw.choice(list(shards))
    wholes = {
        "a list": [],
        "None": None,
        "a number": 5,
        "text": "x" * 10_000,
        "a tensor": torch.zeros(3),
        "an empty mapping": {},
        "state_dict None": {"state_dict": None},
        "only state_dict": {"state_dict": state["state_dict"]},
        "numbers for names": {**state, "state_dict": dict(enumerate(state["state_dict"].values()))},
        "shards None": {**state, "MelodyData": {**data, "shards": None}},
        "no data": {name: value for name, value in state.items() if name != "MelodyData"},
        "data None": {**state, "MelodyData": None},
        "hyperparameters": {**state, "hyper_parameters": {"_class_path": "evil.Net", "x": 1}},
        "version": {**state, "pytorch-lightning_version": draw.choice(("", "1.0.0", "99", "x" * 5000, "2.0\n"))},
    }
    strange = {**state, "MelodyData": {**data, "shards": {**data["shards"], key: shards[key]}}}
    if draw.random() < 0.3:
        return f"{key} = {shards[key]!r}"[:80], lambda: _saved(strange)
    name = draw.choice(list(wholes))
    return name, lambda: _saved(wholes[name])


def _saved(value: object) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def _pickle_of(archive: zipfile.ZipFile) -> str:
    return next(name for name in archive.namelist() if name.endswith("data.pkl"))


def _archive(archive: zipfile.ZipFile, replaced: dict[str, bytes], packed: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", packed) as made:
        for name in archive.namelist():
            made.writestr(name, replaced.get(name, archive.read(name)))
    return file.getvalue()


DAMAGES = (
    *(bytes_damaged,) * 2,
    *(value_damaged,) * 3,
    *(tensor_damaged, pickle_damaged, whole_damaged),
)
