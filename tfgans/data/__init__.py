"""Images by name: `load` reads a source into memory, `batches` draws training batches from it."""

from tfgans.data.pipeline import batches
from tfgans.data.source import Source
from tfgans.data.sources import load

__all__ = ["Source", "batches", "load"]
