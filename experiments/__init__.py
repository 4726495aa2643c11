"""The composition root: the command line, and one YAML for each experiment. The only folder that imports all others."""
