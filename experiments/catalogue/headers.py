"""What the header of a recipe or sweep says: its question, its size and what was published."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_COMMAND = "   "  # commands are indented, and what they are continued by
_ORIGINAL = re.compile(r"Original runs?: ([^(]*)")
_PARAMETERS = re.compile(r"(?<![\d.])(\d[\d ]*) parameters")
_NOTHING = re.compile(r"\bNo figure (was|is) published|\bno published figure\b")
_EXPECTED = re.compile(r"(Expected\b|Published figure\b|No figure was published\b)")
# A sentence ends where a capital letter follows; before it stands no abbreviation. Figures begin with a point.
_SENTENCE = re.compile(r"(?<=[.?!)])(?<!al\.)(?<!vs\.) (?=[A-Z0-9\"])")
_MEASURED = re.compile(
    r"\b(RPA|RCA|OA|accuracy|recall|distance|error|PER)\b.*?\.\d|\.\d\d.*\b(RPA|RCA|OA|accuracy|recall|distance)\b"
)


@dataclass(frozen=True)
class RecipeHeader:
    """What a header says.

    Attributes:
        question: the first line; empty if that is none.
        runs: names of the original runs.
        parameters: of the network; None if they are not stated.
        published: the sentences with published figures, or the one that says that there are none; may be empty.
    """

    question: str
    runs: tuple[str, ...]
    parameters: int | None
    published: str

    @property
    def says_what_was_published(self) -> bool:
        """Whether it names a figure, or says that there is none."""
        return bool(_NOTHING.search(self.published) or re.search(r"\d", self.published))


def read_header(file: Path) -> RecipeHeader:
    """Read the comment that a file begins with."""
    lines = []
    with file.open(encoding="utf-8") as opened:
        for line in opened:
            if not line.startswith("#"):
                break
            lines.append(line[1:].rstrip("\n"))
    prose = [line.strip() for line in lines if not line.startswith(_COMMAND)]
    originals = [found[1] for line in prose if (found := _ORIGINAL.match(line))]
    text = " ".join(line for line in prose[1:] if not _ORIGINAL.match(line))
    size = _PARAMETERS.search(text)
    return RecipeHeader(
        question=prose[0] if prose and prose[0].endswith("?") else "",
        runs=tuple(name.strip() for names in originals for name in names.split(";")),
        parameters=int(size[1].replace(" ", "")) if size else None,
        published=_published(text),
    )


def _published(text: str) -> str:
    """From the sentence that begins so to the last one behind it that goes on with figures of the same kind."""
    sentences = _SENTENCE.split(text)
    begin = next((number for number, sentence in enumerate(sentences) if _EXPECTED.match(sentence)), None)
    if begin is None:
        begin = next((number for number, sentence in enumerate(sentences) if _NOTHING.search(sentence)), None)
    if begin is None:
        return ""
    end = begin + 1
    while end < len(sentences) and _MEASURED.search(sentences[end]) and not sentences[end].startswith("Unlike"):
        end += 1
    return " ".join(sentences[begin:end])
