"""Parts of the benchmark of loaders."""
