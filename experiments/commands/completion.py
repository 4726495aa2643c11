"""Print a script with which a shell completes commands, options and classes, as in `melisma completion bash`."""

from __future__ import annotations

from jsonargparse import ArgumentParser

from experiments.mistakes import parse

SHELLS = ("bash", "zsh", "tcsh")


def main(arguments: list[str]) -> None:
    """Print it; it takes some seconds, for every class is imported."""
    parser = ArgumentParser(prog="melisma completion", description=__doc__, allow_abbrev=False)
    where = "~/.local/share/bash-completion/completions/melisma"
    parser.add_argument("shell", choices=SHELLS, help=f"bash: save what it prints as {where}")
    options = parse(parser, arguments)

    import shtab

    from experiments.schema.builder import SchemaBuilder
    from experiments.schema.words import words_of_melisma

    print(shtab.complete(words_of_melisma(SchemaBuilder()), options.shell))
