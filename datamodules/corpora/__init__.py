"""Data sets, each a list of recordings with their audio and annotation."""

import lazy_loader

# `__init__.pyi` lists what the package offers; each name is imported when it is first asked for.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
