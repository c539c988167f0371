"""Image data by name: `load` and `load_domains` read it into memory, `batches` draws training batches from it."""

from tfgans.data.domains import Domains, is_domains, load_domains
from tfgans.data.image_set import ImageSet
from tfgans.data.load import load
from tfgans.data.pipeline import batches

__all__ = ["Domains", "ImageSet", "batches", "is_domains", "load", "load_domains"]
