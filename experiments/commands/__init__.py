"""Everything that `melisma` does besides fitting and evaluating: one file for each command.

A command is a module of this package with a docstring, whose first line `melisma --help` shows, and a function
`main(arguments: list[str]) -> None`.
"""
