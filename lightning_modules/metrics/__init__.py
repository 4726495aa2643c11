"""Metrics. What works on NumPy arrays alone is importable without torch."""

import lazy_loader

# `__init__.pyi` lists what the package offers; each name is imported when it is first asked for.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
