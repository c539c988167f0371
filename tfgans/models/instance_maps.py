"""Label maps and instance maps as inputs of networks. Wang et al. 2017, arXiv:1711.11585, sections 3.4 and 3.5."""

import dataclasses

import tensorflow as tf

from tfgans import endpoint

IDS = 1 << 16  # of instances in an image


def boundaries(maps: tf.Tensor) -> tf.Tensor:
    """Ids (n, h, w, k) -> (n, h, w, 1): 1 if one of them differs from that of one of four neighbours, else 0.

    Section 3.4: the borders between objects of one class.
    """
    down = tf.reduce_any(maps[:, 1:] != maps[:, :-1], -1, keepdims=True)
    across = tf.reduce_any(maps[:, :, 1:] != maps[:, :, :-1], -1, keepdims=True)
    found = tf.pad(down, ((0, 0), (1, 0), (0, 0), (0, 0))) | tf.pad(down, ((0, 0), (0, 1), (0, 0), (0, 0)))
    found |= tf.pad(across, ((0, 0), (0, 0), (1, 0), (0, 0))) | tf.pad(across, ((0, 0), (0, 0), (0, 1), (0, 0)))
    return tf.cast(found, tf.float32)


def means_of(features: tf.Tensor, segments: tf.Tensor, count: int) -> tf.Tensor:
    """The instance-wise mean of section 3.5: features (n, h, w, c), by segments (n, h, w) below `count` -> (count, c).

    Empty segments give zeros.
    """
    flat = tf.reshape(features, (-1, features.shape[-1]))
    return tf.math.unsorted_segment_mean(flat, tf.reshape(segments, (-1,)), count)


@dataclasses.dataclass(frozen=True)
class InstanceMaps:
    """Maps of a number of classes, with or without instance maps, and with or without boundaries for the networks.

    The methods take both maps in one array, int32 (n, h, w, 2), as returned by `joined`.
    """

    classes: int
    instances: bool
    boundary: bool

    def spec(self, n: int | None, height: int | None, width: int | None) -> dict[str, endpoint.Array]:
        """The maps as arrays of a batch or an endpoint."""
        shape = (n, height, width, 1)
        given = {"label_map": endpoint.Array(shape, "int32", 0, self.classes, "classes")}
        if self.instances:
            given["instance_map"] = endpoint.Array(shape, "int32", 0, IDS, "instances")
        return given

    def joined(self, label_map: tf.Tensor, instance_map: tf.Tensor | None) -> tf.Tensor:
        """Both maps in one array, int32 (n, h, w, 2), with zeros if there are no instances."""
        if not self.instances or instance_map is None:
            return tf.concat([label_map, tf.zeros_like(label_map)], -1)
        return tf.concat([label_map, instance_map % IDS], -1)

    def drawn(self, maps: tf.Tensor) -> tf.Tensor:
        """One-hot classes and, if enabled, boundaries."""
        classes = tf.one_hot(maps[..., 0], self.classes)
        return tf.concat([classes, boundaries(maps)], -1) if self.boundary else classes

    def seen(self, maps: tf.Tensor, features: tf.Tensor | None) -> tf.Tensor:
        """The generators' input: classes and boundaries of the maps, and the features of each object, if any."""
        if features is None:
            return self.drawn(maps)
        return tf.concat([self.drawn(maps), tf.gather(features, self.segments(maps))], -1)

    def segments(self, maps: tf.Tensor) -> tf.Tensor:
        """A number for each object, of one class in one image: (n, h, w), below `segment_count`."""
        image = tf.range(tf.shape(maps)[0])[:, None, None]
        segment = image * self.classes + maps[..., 0]
        return segment * IDS + maps[..., 1] if self.instances else segment

    def segment_count(self, n: tf.Tensor | int) -> tf.Tensor | int:
        return n * self.classes * (IDS if self.instances else 1)

    def means(self, maps: tf.Tensor, features: tf.Tensor) -> tf.Tensor:
        """The mean features of each object, from (n, h, w, c): (segments, c)."""
        return means_of(features, self.segments(maps), self.segment_count(tf.shape(maps)[0]))
