"""Graphs as files, each checked against torch before it takes its name."""

from __future__ import annotations

import json
import logging
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.export import ExportedProgram

from datamodules.errors import DataError
from datamodules.files import make_folder, write_atomically
from experiments.exporting.fourier import decompositions
from experiments.exporting.graphs import Graph
from experiments.exporting.recurrent import translations

OPSET = 20
TOLERANCE = 1e-4  # absolute, of f0 relative
_RUNS = 5

Run = Callable[[Tensor], Sequence[NDArray[Any]]]


class Check(NamedTuple):
    """How a file compares with torch.

    Attributes:
        size: of the file, bytes.
        difference: the largest of each output, of f0 relative to it.
        ratio: time of the file's program over that of torch, on one thread, the median of some runs.
    """

    size: int
    difference: dict[str, float]
    ratio: float


def write_graph(graph: Graph, path: Path) -> Check:
    """Write a graph: `.onnx`, or `.pt2` for `torch.export.load`.

    Args:
        graph: of the model.
        path: of the file, replaced when the new one is checked.

    Raises:
        DataError: another ending, a package is missing, the model cannot be written so, or what was written gives
            another answer.
    """
    kinds = {".onnx": _onnx, ".pt2": _torch}
    if path.suffix not in kinds:
        raise DataError(f"{path}: an export ends in {' or '.join(kinds)}")
    with torch.no_grad(), _quiet():
        content, run = kinds[path.suffix](graph)
        check = _check(graph, run, len(content), path)
    make_folder(path.parent)
    with write_atomically(path) as file:
        file.write(content)
    return check


def _program(graph: Graph) -> ExportedProgram:
    shapes = None if graph.axis is None else ({graph.axis: torch.export.Dim("length", min=graph.least)},)
    try:
        return torch.export.export(
            graph.module,
            (graph.example,),
            dynamic_shapes=shapes,
            strict=False,
            prefer_deferred_runtime_asserts_over_guards=True,
        )
    except Exception as error:
        raise _cannot(error) from error


def _torch(graph: Graph) -> tuple[bytes, Run]:
    file = BytesIO()
    torch.export.save(_program(graph), file, extra_files={"metadata.json": json.dumps(graph.metadata)})
    file.seek(0)
    loaded = torch.export.load(file).module()

    def run(values: Tensor) -> Sequence[NDArray[Any]]:
        return _arrays(loaded(values))

    return file.getvalue(), run


def _onnx(graph: Graph) -> tuple[bytes, Run]:
    try:
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401 -- torch.onnx needs it, and says so late
    except ImportError as error:
        raise DataError(f"{error.name} is missing: pip install 'melisma[export]'") from error

    try:
        program = _program(graph).run_decompositions(decompositions())
        # The optimiser removes the small numbers that keep logarithms from zero.
        made = torch.onnx.export(
            program,
            (),
            input_names=[graph.input],
            output_names=list(graph.outputs),
            opset_version=OPSET,
            custom_translation_table=translations(),
            dynamo=True,
            optimize=False,
            verbose=False,
        )
        assert made is not None
        model = made.model_proto
    except DataError:
        raise
    except Exception as error:
        raise _cannot(error) from error
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.initializer, *model.functions):
        del part.metadata_props[:]  # stack traces, with the folders of this machine
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, graph.metadata)
    content: bytes = model.SerializeToString()

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def run(values: Tensor) -> Sequence[NDArray[Any]]:
        found: Sequence[NDArray[Any]] = session.run(None, {graph.input: values.numpy()})
        return found

    return content, run


def _check(graph: Graph, run: Run, size: int, path: Path) -> Check:
    """That the file gives what torch gives, for the example and for others of other lengths."""
    difference = dict.fromkeys(graph.outputs, 0.0)
    for values in _inputs(graph):
        for name, ours, theirs in zip(graph.outputs, _arrays(graph.module(values)), run(values), strict=True):
            if ours.shape != theirs.shape:
                raise DataError(f"{path}: {name} of {tuple(values.shape)}: {theirs.shape}, in torch {ours.shape}")
            unit = np.abs(ours) if name == "f0" else 1.0
            difference[name] = max(difference[name], float(np.max(np.abs(ours - theirs) / unit, initial=0.0)))
    if not max(difference.values()) <= TOLERANCE:
        raise DataError(
            f"{path}: it would differ from torch by {difference}, more than {TOLERANCE}; nothing is written"
        )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        pairs = [(_seconds(run, graph.example), _seconds(graph.module, graph.example)) for _ in range(_RUNS)]
    finally:
        torch.set_num_threads(threads)
    of_file, of_torch = (statistics.median(times) for times in zip(*pairs, strict=True))
    return Check(size, difference, of_file / of_torch)


def _inputs(graph: Graph) -> Iterator[Tensor]:
    yield graph.example
    if graph.axis is not None:
        length = graph.example.shape[graph.axis]
        for other in (graph.least, length // 2 + 7):
            yield graph.example.narrow(graph.axis, 0, min(max(other, graph.least), length)).contiguous()
        yield torch.cat([graph.example, graph.example.flip(graph.axis)], dim=graph.axis)


def _arrays(found: Tensor | Sequence[Tensor]) -> list[NDArray[Any]]:
    return [each.numpy() for each in ([found] if isinstance(found, Tensor) else found)]


def _seconds(run: Callable[[Tensor], object], values: Tensor) -> float:
    begin = time.perf_counter()
    run(values)
    return time.perf_counter() - begin


def _cannot(error: Exception) -> DataError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return DataError(f"torch cannot export this model: {lines[0] if lines else type(error).__name__}")


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what torch says about graphs, of which nothing is to be done."""
    names = ("torch.onnx", "torch.export", "torch.fx", "onnxscript", "onnx_ir")
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
