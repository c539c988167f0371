"""Images by name: `load` reads a source into memory, `batches` draws training batches from it."""

from tfgans.data.image_set import ImageSet
from tfgans.data.load import load
from tfgans.data.pipeline import batches

__all__ = ["ImageSet", "batches", "load"]
