"""The missing regions of inpainting models. Pathak et al. 2016, arXiv:1604.07379, section 3.3."""

import dataclasses

import numpy as np
import tensorflow as tf

REGIONS = ("center", "random")


@dataclasses.dataclass(frozen=True)
class MissingRegion:
    """In images of `side` pixels a side: "center", a square of `hole` pixels in the middle, or "random", anywhere."""

    region: str
    side: int
    hole: int

    def middle(self, margin: int = 0) -> np.ndarray:
        """bool (1, h, w, 1): the central hole with `margin` pixels around it; empty if holes are anywhere."""
        found = np.zeros((1, self.side, self.side, 1), bool)
        if self.region == "center":
            inner = slice((self.side - self.hole) // 2 - margin, (self.side + self.hole) // 2 + margin)
            found[:, inner, inner] = True
        return found

    def missing(self, masks: tf.Tensor) -> tf.Tensor:
        """The pixels hidden from the generator, bool (n, h, w, 1): the holes, and all of the central one, the only
        region that such a model can fill."""
        return masks | tf.constant(self.middle())

    def shown(self, images: tf.Tensor) -> tf.Tensor:
        """D's input: the region that the generator fills, the central hole or the whole image."""
        if self.region == "random":
            return images
        start, end = (self.side - self.hole) // 2, (self.side + self.hole) // 2
        return images[:, start:end, start:end]
