"""Pix2PixHD: translation of label maps into large photographs. Wang et al. 2017, arXiv:1711.11585.

A residual generator, G1, makes images of half the size. A second one, G2, makes full-size images: the last map of G1 is
added to that of its front end. G1 is trained first, then G2 on it, then both. Three PatchGANs judge an image at full,
half and quarter size, and the maps of their layers should match those of the true image. Besides the classes, the
networks get the boundaries of objects. With an encoder each object also has features, which determine its appearance.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfgans import endpoint
from tfgans.adversarial import Adversarial
from tfgans.features.content import content_distance
from tfgans.models import pix2pixhd_networks as networks
from tfgans.models.instance_maps import InstanceMaps
from tfgans.models.instance_styles import InstanceStyles
from tfgans.models.networks import build_residual

Terms = dict[str, tf.Tensor]
Paint = Callable[[tf.Tensor, tf.Tensor | None], tf.Tensor]  # (maps, features) -> images


def matching(real: list[list[tf.Tensor]], made: list[list[tf.Tensor]]) -> tf.Tensor:
    """Equation 4, unweighted: the L1 distances of the discriminators' maps of true and generated images.

    As in the authors' code, each of the m maps of a discriminator has the weight 4 / m, and discriminators weigh the
    same.
    """
    terms = []
    for one, other in zip(real, made, strict=True):
        weight = 4.0 / ((len(one) - 1) * len(real))
        for a, b in zip(one[:-1], other[:-1], strict=True):
            terms.append(weight * tf.reduce_mean(tf.abs(tf.cast(a, tf.float32) - tf.cast(b, tf.float32))))
    return tf.add_n(terms)


def toward(label: float, outputs: Sequence[tf.Tensor]) -> tf.Tensor:
    """LSGAN's loss: the mean squared distance of the outputs from a label, summed over the discriminators."""
    return tf.add_n([tf.reduce_mean(tf.square(each - label)) for each in outputs])


@keras.saving.register_keras_serializable(package="tfgans")
class Pix2PixHD(Adversarial):
    """Three stages: G1 at half the size (`coarse`), G2 on a frozen G1 (`enhance`), both (`joint`). Section 3.

    Losses are logged as they are minimized, times their weights. "l1" is the mean absolute difference of images in
    [-1, 1], which is not minimized; "d_real" and "d_fake" are the discriminators' mean outputs, ideally 1 for true
    images and 0 for generated ones.
    """

    players = {
        "coarse_optimizer": ("global_generator", "head", "encoder"),
        "enhance_optimizer": ("local_enhancer",),
        "g_optimizer": ("global_generator", "local_enhancer", "encoder"),
        "d_optimizer": ("discriminators",),
    }
    terms = ("d_loss", "g_loss", "matching_loss", "content_loss", "l1", "d_real", "d_fake")

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (1024, 2048, 3),
        label_classes: int = 34,
        instances: bool = True,
        boundary: bool = True,
        width: int = 64,
        downsamplings: int = 4,
        blocks: int = 9,
        enhancer: bool = True,
        enhancer_blocks: int = 3,
        discriminator_width: int = 64,
        scales: int = 3,
        patch: int = 70,
        matching_weight: float = 10.0,
        content: str = "none",
        content_weight: float = 10.0,
        feature_channels: int = 0,
        feature_width: int = 16,
        clusters: int = 10,
        coarse_steps: int = 600_000,
        enhance_steps: int = 30_000,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        """`image_shape` is that of generated images. Inputs are maps of `label_classes` and, with `instances`, maps of
        objects, from which `boundary` draws the borders of objects; without `instances`, those of classes.

        `width` is that of G1's first map, which `downsamplings` halve, doubling the filters; `blocks` and
        `enhancer_blocks` are the residual blocks of G1 and G2. Without `enhancer` G1 generates the full image, in one
        stage, and there are two optimizers, coarse_optimizer and d_optimizer. `scales` discriminators judge patches of
        `patch` pixels: see `build_patchgan`. `content` is a distance of `content_distance`.

        With `feature_channels` an encoder of `feature_width` gives each object that many features. `translate`, which
        has no true image, uses those of one of the `clusters` of the object's class.

        Raises UserError for sizes that cannot be halved that often or are too small for patches, and without classes.
        """
        networks.check_arguments(image_shape, label_classes, downsamplings, enhancer, scales, patch, content)
        stages = (("coarse", coarse_steps), ("enhance", enhance_steps), ("joint", None))
        super().__init__(seed=seed, stages=stages if enhancer else (("coarse", None),), **kwargs)
        self.image_shape, self.label_classes = image_shape, label_classes
        self.instances, self.boundary = instances, boundary
        self.width, self.downsamplings, self.blocks = width, downsamplings, blocks
        self.enhancer, self.enhancer_blocks = enhancer, enhancer_blocks
        self.discriminator_width, self.scales, self.patch = discriminator_width, scales, patch
        self.matching_weight, self.content, self.content_weight = matching_weight, content, content_weight
        self.feature_channels, self.feature_width, self.clusters = feature_channels, feature_width, clusters
        self.coarse_steps, self.enhance_steps = coarse_steps, enhance_steps
        self.maps = InstanceMaps(label_classes, instances, boundary)
        drawn, made = label_classes + boundary, image_shape[2]
        given = drawn + feature_channels
        self.global_generator = build_residual(given, width, downsamplings, blocks, "global_generator")
        self.head = networks.build_head(width, made)
        self.discriminators = networks.build_discriminators(drawn + made, discriminator_width, patch, scales)
        if enhancer:
            self.local_enhancer = networks.build_enhancer(given, width, enhancer_blocks, made)
        if feature_channels:
            self.encoder = build_residual(made, feature_width, downsamplings, 0, "encoder", feature_channels)
            self.styles = InstanceStyles(label_classes, clusters, feature_channels, seed)
        there = self.players if enhancer else ("coarse_optimizer", "d_optimizer")
        self.players = {player: tuple(n for n in self.players[player] if hasattr(self, n)) for player in there}
        # a function, which hides the network from Keras: it is neither trained nor saved
        self.content_distance = content_distance(content)

    def batch_spec(self, n: int) -> dict[str, endpoint.Array]:
        return {**self.maps.spec(n, *self.image_shape[:2]), "target": endpoint.image(n, self.image_shape)}

    def endpoints(self) -> dict[str, endpoint.Endpoint]:
        """Maps larger than twice the training size are shrunk, because the networks know objects at that size."""
        given = self.maps.spec(None, None, None)
        if self.feature_channels:
            given["seed"] = endpoint.number()
        return {
            "translate": endpoint.Endpoint(
                given,
                {"images": endpoint.images(self.image_shape[2])},
                # a map of one pixel is too small: its borders cannot be mirrored, nor its values normalized
                multiple=(4 if self.enhancer else 2) << self.downsamplings,
                largest=2 * max(self.image_shape[:2]),
            )
        }

    def updates(self, player: str) -> dict[int, int]:
        enhance, joint = self.coarse_steps, self.coarse_steps + self.enhance_steps
        if player == "coarse_optimizer" and self.enhancer:
            return {0: 1, enhance: 0}
        if player == "enhance_optimizer":
            return {enhance: 1, joint: 0}
        return {joint if player == "g_optimizer" else 0: 1}

    def made_coarsely(self, maps: tf.Tensor, features: tf.Tensor | None) -> tf.Tensor:
        """G1's image for maps of its size."""
        return self.head(self.global_generator(self.maps.seen(maps, features)))

    def made(self, maps: tf.Tensor, features: tf.Tensor | None, frozen: bool = False) -> tf.Tensor:
        """G's image: G2 on G1, or G1's alone. With a `frozen` G1, its last map and the features get no gradient."""
        if not self.enhancer:
            return self.made_coarsely(maps, features)
        if frozen and features is not None:
            features = tf.stop_gradient(features)
        last = self.global_generator(self.maps.seen(maps[:, ::2, ::2], features))
        return self.local_enhancer([self.maps.seen(maps, features), tf.stop_gradient(last) if frozen else last])

    # -- losses -------------------------------------------------------------------------------------------------------

    def judged(self, drawn: tf.Tensor, images: tf.Tensor) -> list[list[tf.Tensor]]:
        """For each discriminator the maps and, last, the logits."""
        return self.discriminators(tf.concat([drawn, images], -1))

    def generator_loss(self, drawn: tf.Tensor, target: tf.Tensor, made: tf.Tensor) -> Terms:
        """Equation 5: LSGAN's loss and the feature matching loss; and the content loss, if there is one."""
        on_made = self.judged(drawn, made)
        losses = {"g_loss": toward(1.0, [maps[-1] for maps in on_made])}
        if self.matching_weight:
            on_target = tf.nest.map_structure(tf.stop_gradient, self.judged(drawn, target))
            losses["matching_loss"] = self.matching_weight * matching(on_target, on_made)
        if self.content_distance is not None:
            losses["content_loss"] = self.content_weight * self.content_distance(target, made)
        self.track({"l1": tf.reduce_mean(tf.abs(target - made))})
        return losses

    def discriminator_loss(self, drawn: tf.Tensor, target: tf.Tensor, made: tf.Tensor) -> Terms:
        """LSGAN's, halved: ((D(x, y) - 1)^2 + D(x, G(x))^2) / 2, summed over the discriminators."""
        both = self.judged(tf.concat([drawn, drawn], 0), tf.concat([target, made], 0))
        on_target, on_made = zip(*(tf.split(maps[-1], 2) for maps in both), strict=True)
        for term, outputs in (("d_real", on_target), ("d_fake", on_made)):
            self.track({term: tf.add_n([tf.reduce_mean(each) for each in outputs]) / len(outputs)})
        return {"d_loss": (toward(1.0, on_target) + toward(0.0, on_made)) / 2.0}

    # -- stages -------------------------------------------------------------------------------------------------------

    def coarse(self, batch: dict[str, tf.Tensor]) -> None:
        """G1 at half the size, or at full size without an enhancer."""
        self.compete("coarse_optimizer", batch, self.made_coarsely, half=True)

    def enhance(self, batch: dict[str, tf.Tensor]) -> None:
        """G2 on a fixed G1 and encoder."""
        self.compete("enhance_optimizer", batch, functools.partial(self.made, frozen=True))

    def joint(self, batch: dict[str, tf.Tensor]) -> None:
        """G1 and G2."""
        self.compete("g_optimizer", batch, self.made)

    def compete(self, player: str, batch: dict[str, tf.Tensor], paint: Paint, half: bool = False) -> None:
        """A step of a generator and one of the discriminators, on images of G1's size if `half`.

        G1 uses every second pixel of the maps and 2x2 means of the images; without an enhancer, all of them. Both steps
        use the same generated image. The encoder always gets images of G1's size.
        """
        maps, target = self.maps.joined(batch["label_map"], batch.get("instance_map")), batch["target"]
        small, small_target = maps, target
        if self.enhancer:
            small, small_target = maps[:, ::2, ::2], tf.nn.avg_pool2d(target, 2, 2, "VALID")
        if half:
            maps, target = small, small_target
        drawn = self.maps.drawn(maps)

        def losses() -> tuple[Terms, tuple[tf.Tensor, tf.Tensor | None]]:
            features = self.maps.means(small, self.encoder(small_target)) if self.feature_channels else None
            made = paint(maps, features)
            return self.generator_loss(drawn, target, made), (made, features)

        made, features = self.minimize(player, losses)
        made = tf.stop_gradient(made)
        self.minimize("d_optimizer", lambda: self.discriminator_loss(drawn, target, made))
        if features is not None:
            self.styles.update(self.maps, small, tf.stop_gradient(features))

    def translate(self, label_map: tf.Tensor, *more: tf.Tensor) -> tf.Tensor:
        """Label maps, int32 (n, h, w, 1) -> images (n, h, w, c) in [0, 1].

        Further arguments are instance maps of the same form, for a model with instances, and a seed, for one with
        features, which chooses the features of each object among those of its class.
        """
        return (self.made(*self.inputs_of(label_map, *more)) + 1.0) / 2.0

    def shown(self, endpoint: str) -> Callable[..., tf.Tensor]:
        """In the first stage G1's images, enlarged, because G2 has not begun to learn; then those of `translate`."""
        return self.translated_so_far if self.enhancer else super().shown(endpoint)

    def translated_so_far(self, label_map: tf.Tensor, *more: tf.Tensor) -> tf.Tensor:
        def coarsely() -> tf.Tensor:
            maps, features = self.inputs_of(label_map, *more)
            made = self.made_coarsely(maps[:, ::2, ::2], features)
            return (tf.image.resize(made, tf.shape(label_map)[1:3], "nearest") + 1.0) / 2.0

        began = self.steps_done.value >= self.coarse_steps
        return tf.cond(began, lambda: self.translate(label_map, *more), coarsely)

    def inputs_of(self, label_map: tf.Tensor, *more: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """The maps that the networks get, and the features of a style."""
        maps = self.maps.joined(label_map, more[0] if self.instances else None)
        features = self.styles.draw(self.maps, tf.shape(label_map)[0], more[-1]) if self.feature_channels else None
        return maps, features
