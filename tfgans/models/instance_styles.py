"""Clusters of object features, for use without a true image. Wang 2017, arXiv:1711.11585, section 3.5."""

from typing import Any

import keras
import tensorflow as tf
from keras import layers

from tfgans.models.instance_maps import InstanceMaps

FORGET = 0.999  # decay of past cluster statistics per step
LEAST = 0.01  # share of a class's instances below which a cluster is moved


@keras.saving.register_keras_serializable(package="tfgans")
class InstanceStyles(layers.Layer):
    """For each class, the centres of its feature clusters and a moving average of the number of objects in each.

    It is not a sum over steps, which would exceed the half precision of exports. Centres are initialized in [-1, 1].
    """

    def __init__(self, classes: int, clusters: int, channels: int, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.classes, self.clusters, self.channels, self.seed = classes, clusters, channels, seed
        own: dict[str, Any] = dict(trainable=False, autocast=False)
        start = keras.initializers.RandomUniform(-1.0, 1.0, seed=seed)
        shape = (classes, clusters)
        self.centres = self.add_weight(shape=(*shape, channels), initializer=start, name="centres", **own)
        self.members = self.add_weight(shape=shape, initializer="zeros", name="members", **own)
        self.built = True  # there is no `call`

    def update(self, reader: InstanceMaps, maps: tf.Tensor, features: tf.Tensor) -> None:
        """A step of K-means on the features of each class, which the authors' code runs after the training.

        `features` are those of the objects of `maps`: (segments, channels).

        Each object has the same weight, whatever its size. A centre is the mean of its nearest features, with larger
        weights for later steps, because features change: van den Oord 2017, arXiv:1711.00937, appendix A.1. The
        smallest cluster of a class, if almost empty, is moved to the feature farthest from all centres.
        """
        segments = tf.reshape(reader.segments(maps), (-1,))
        labels, points = tf.reshape(maps[..., 0], (-1,)), tf.gather(features, segments)
        pixels = tf.math.unsorted_segment_sum(tf.ones_like(points[:, 0]), segments, tf.shape(features)[0])
        weights = 1.0 / tf.gather(pixels, segments)
        centres, members = tf.convert_to_tensor(self.centres), tf.convert_to_tensor(self.members)
        distances = tf.reduce_sum(tf.square(points[:, None] - tf.gather(centres, labels)), -1)
        place = labels * self.clusters + tf.argmin(distances, -1, output_type=tf.int32)
        count = self.classes * self.clusters
        mass = tf.reshape(tf.math.unsorted_segment_sum(weights, place, count), members.shape)
        sums = tf.math.unsorted_segment_sum(weights[:, None] * points, place, count)
        members = FORGET * members + (1.0 - FORGET) * mass
        moved = tf.reshape(sums, centres.shape) - mass[..., None] * centres
        centres += (1.0 - FORGET) * moved / tf.maximum(members, 1e-9)[..., None]

        nearest = tf.reduce_min(distances, -1)
        mine = tf.one_hot(labels, self.classes, on_value=True, off_value=False, axis=0)
        far = tf.gather(points, tf.argmax(tf.where(mine, nearest, -1.0), -1))
        least = LEAST * tf.reduce_sum(members, -1)
        anew = tf.reduce_any(mine, -1) & (tf.reduce_min(members, -1) < least)
        smallest = tf.one_hot(tf.argmin(members, -1), self.clusters) > 0.0
        replaced = smallest & anew[:, None]
        self.centres.assign(tf.where(replaced[..., None], far[:, None], centres))
        self.members.assign(tf.where(replaced, least[:, None], members))

    def draw(self, reader: InstanceMaps, n: tf.Tensor | int, seed: tf.Tensor) -> tf.Tensor:
        """Features (segments, channels) for the objects of n images: those of a random cluster of the object's class,
        with larger clusters more likely. The same in every image."""
        objects = reader.segment_count(1) // self.classes
        shares = tf.convert_to_tensor(self.members) + 1e-9
        below = tf.cumsum(shares, -1) / tf.reduce_sum(shares, -1, keepdims=True)
        drawn = tf.random.stateless_uniform((self.classes, objects, 1), tf.stack([seed, 0]))
        cluster = tf.reduce_sum(tf.cast(drawn > below[:, None, :-1], tf.int32), -1)
        styles = tf.gather(tf.convert_to_tensor(self.centres), cluster, batch_dims=1)
        return tf.tile(tf.reshape(styles, (-1, self.channels)), (n, 1))

    def get_config(self) -> dict[str, Any]:
        own = {"classes": self.classes, "clusters": self.clusters, "channels": self.channels, "seed": self.seed}
        return {**super().get_config(), **own}
