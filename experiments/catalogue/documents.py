"""Documents whose tables are made of records, between markers, and whose prose is kept.

A table stands behind a comment that defines it, and ends at another one:

    <!-- table
    rows: [{label: "`fsdd_m3_8k`", record: fsdd_m3_8k, evaluation: test, set: fsdd, method: network}]
    columns: [{title: accuracy, metric: accuracy, interval: true}]
    -->

    | ... |

    <!-- end of table -->
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from datamodules.errors import DataError
from datamodules.files import write_atomically
from experiments.catalogue.definitions import TableDefinition, read_definition
from experiments.catalogue.records import FAMILIES, Record, read_records
from experiments.catalogue.studies import StudyRecord, read_studies
from experiments.catalogue.study_tables import studied_table, verdict_table
from experiments.catalogue.tables import figure_table

_MARKED = re.compile(
    r"^(<!-- table\n((?:(?!^-->$).)*)^-->\n)(?:(?!^<!-- table$).)*?^<!-- end of table -->$", re.MULTILINE | re.DOTALL
)
_MARKER = re.compile(r"^<!-- (table$|end of table)", re.MULTILINE)
_ROW = re.compile(r"^ *\|", re.MULTILINE)


@dataclass(frozen=True)
class Results:
    """What the tables are made of.

    Attributes:
        experiments: the folder of that name.
        records: of runs and comparisons, by name.
        studies: by name.
    """

    experiments: Path
    records: Mapping[str, Record]
    studies: Mapping[str, StudyRecord]

    @classmethod
    def read(cls, experiments: Path) -> Results:
        """All records below the folder `experiments`.

        Raises:
            DataError: a file is no record.
        """
        return cls(experiments, read_records(experiments), read_studies(experiments))

    def documents(self) -> list[Path]:
        """The Markdown files that have tables between markers, and the RESULTS.md of all families."""
        files = sorted(self.experiments.rglob("*.md"))
        return [file for file in files if self._is_of_family(file) or _MARKER.search(_text(file))]

    def regenerated(self, file: Path) -> str:
        """The text of a document with new tables.

        Raises:
            DataError: a definition is wrong, or a marker has no other end.
        """
        text = _text(file)

        def table(found: re.Match[str]) -> str:
            definition = read_definition(found[2], _located(file, text, found.start()))
            lines = "\n".join(self._lines(definition, file.parent))
            return f"{found[1]}\n{lines}\n\n<!-- end of table -->"

        outside = _MARKED.sub(lambda found: "\n" * found[0].count("\n"), text)
        if stray := _MARKER.search(outside):
            raise DataError(f"{_located(file, outside, stray.start())}: this marker has no other end")
        return _MARKED.sub(table, text)

    def stale(self) -> Iterator[str]:
        """A message for each table that is not what the records say, and for each that no marker defines.

        Raises:
            DataError: as from `regenerated`.
        """
        for file in self.documents():
            text = _text(file)
            for there, wanted in zip(_MARKED.finditer(text), _MARKED.finditer(self.regenerated(file)), strict=True):
                lines = zip_longest(there[0].splitlines(), wanted[0].splitlines(), fillvalue="")
                differing = next(((number, *pair) for number, pair in enumerate(lines) if pair[0] != pair[1]), None)
                if differing is not None:
                    number, is_there, is_wanted = differing
                    first = text.count("\n", 0, there.start()) + 1
                    yield (
                        f"{file}, table of line {first}: line {first + number} is not what the records say\n"
                        f"  there: {is_there}\n  recorded: {is_wanted}"
                    )
            outside = _MARKED.sub(lambda found: "\n" * found[0].count("\n"), text)
            if self._is_of_family(file) and (row := _ROW.search(outside)):
                yield f"{_located(file, outside, row.start())}: a table without a marker: its figures have no record"

    def write(self) -> list[Path]:
        """Make the tables of all documents anew.

        Returns:
            The documents that have changed.

        Raises:
            DataError: as from `regenerated`; then no document has changed.
        """
        new = {file: self.regenerated(file) for file in self.documents()}
        changed = [file for file, text in new.items() if text != _text(file)]
        for file in changed:
            with write_atomically(file) as opened:
                opened.write(new[file].encode())
        return changed

    def _is_of_family(self, file: Path) -> bool:
        return file.name == "RESULTS.md" and file.parent.name in FAMILIES and file.parent.parent == self.experiments

    def _lines(self, definition: TableDefinition, folder: Path) -> Iterator[str]:
        if definition.kind == "verdicts":
            return verdict_table(self.studies, definition.family, self.experiments, folder)
        if definition.kind == "studied":
            return studied_table(definition.family, self.experiments, folder)
        return figure_table(definition, self.records)


def _text(file: Path) -> str:
    """With line ends as they are."""
    return file.read_bytes().decode()


def _located(file: Path, text: str, position: int) -> str:
    line = text.count("\n", 0, position) + 1
    return f"{file}, line {line}"
