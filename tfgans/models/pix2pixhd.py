"""Pix2PixHD, label maps to large photographs. Wang et al. 2017, arXiv:1711.11585.

A residual generator, G1, makes images of half the size. A second one, G2, makes whole ones: the last map of G1 is added
to that of its front end. G1 is trained first, then G2 on it, then both. Three PatchGANs judge an image, its half and
its quarter, and the maps of their layers are to be like those of the true image. Beside the classes the networks are
given where one object ends and the next begins. With an encoder each object has features, too: they choose its looks.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from tfgans import endpoint
from tfgans.adversarial import Adversarial
from tfgans.errors import UserError
from tfgans.features.content import content_distance
from tfgans.models.networks import build_patchgan, convolution, patches_of, reflected, residual_block, transposed

IDS = 1 << 16  # of instances in an image
NORM = "instance"
FORGET = 0.999  # what of the clusters' past counts a step later
LEAST = 0.01  # of the instances of a class: a cluster of fewer moves to another place

Terms = dict[str, tf.Tensor]


def build_residual(
    given: int, width: int, downsamplings: int, blocks: int, name: str, outputs: int = 0, activation: str = "tanh"
) -> keras.Model:
    """(n, h, w, given) -> the last feature map, (n, h, w, width), or (n, h, w, outputs) in [-1, 1]. Appendix A.

    c7s1-width, d2width, ..., residual blocks, ..., uwidth, and with `outputs` c7s1-outputs; h and w are multiples of
    2 ** downsamplings.
    """
    image = x = keras.Input((None, None, given))
    x = layers.ReLU()(reflected(x, width, NORM, 7))
    for i in range(downsamplings):
        x = layers.ReLU()(convolution(x, width << (i + 1), NORM, kernel=3))
    for _ in range(blocks):
        x = residual_block(x, NORM)
    for i in reversed(range(downsamplings)):
        x = layers.ReLU()(transposed(x, width << i, NORM, kernel=3))
    return keras.Model(image, painted(x, outputs) if outputs else x, name=name)


def painted(x: Any, channels: int) -> Any:
    """A feature map as an image in [-1, 1], float32."""
    return layers.Activation("tanh", dtype="float32")(reflected(x, channels, "none", 7))


def build_head(width: int, channels: int) -> keras.Model:
    """The end of G1, which G2 does without: (n, h, w, width) -> (n, h, w, channels) in [-1, 1]."""
    features = keras.Input((None, None, width))
    return keras.Model(features, painted(features, channels), name="head")


def build_enhancer(given: int, width: int, blocks: int, channels: int) -> keras.Model:
    """G2: what is given, (n, 2 h, 2 w, given), and G1's last map, (n, h, w, width) -> (n, 2 h, 2 w, channels).

    Section 3.2 and appendix A, from c7s1-width/2 on.
    """
    image, features = keras.Input((None, None, given)), keras.Input((None, None, width))
    x = layers.ReLU()(reflected(image, width // 2, NORM, 7))
    x = layers.Add()([layers.ReLU()(convolution(x, width, NORM, kernel=3)), features])
    for _ in range(blocks):
        x = residual_block(x, NORM)
    x = layers.ReLU()(transposed(x, width // 2, NORM, kernel=3))
    return keras.Model([image, features], painted(x, channels), name="local_enhancer")


def build_discriminators(channels: int, width: int, patch: int, scales: int) -> keras.Model:
    """(n, h, w, channels) -> for each scale the maps of a PatchGAN: one after each LeakyReLU, then its logits.

    Section 3.3: the discriminators are alike; the second judges the image at half its size, the third at a quarter.
    """
    image = x = keras.Input((None, None, channels))
    found = []
    for k in range(scales):
        x = layers.AveragePooling2D(2)(x) if k else x
        judge = build_patchgan(channels, width, patch, norm=NORM, name=f"discriminator_{k + 1}")
        maps = [layer.output for layer in judge.layers if isinstance(layer, layers.LeakyReLU)]
        found.append(list(keras.Model(judge.input, [*maps, judge.output], name=judge.name)(x)))
    return keras.Model(image, found, name="discriminators")


def boundaries(maps: tf.Tensor) -> tf.Tensor:
    """Ids (n, h, w, k) -> (n, h, w, 1): 1 where one of them differs from that of a neighbour, of four; else 0.

    Section 3.4: where one object ends and the next of its class begins.
    """
    down = tf.reduce_any(maps[:, 1:] != maps[:, :-1], -1, keepdims=True)
    across = tf.reduce_any(maps[:, :, 1:] != maps[:, :, :-1], -1, keepdims=True)
    found = tf.pad(down, ((0, 0), (1, 0), (0, 0), (0, 0))) | tf.pad(down, ((0, 0), (0, 1), (0, 0), (0, 0)))
    found |= tf.pad(across, ((0, 0), (0, 0), (1, 0), (0, 0))) | tf.pad(across, ((0, 0), (0, 0), (0, 1), (0, 0)))
    return tf.cast(found, tf.float32)


def matching(real: list[list[tf.Tensor]], made: list[list[tf.Tensor]]) -> tf.Tensor:
    """Equation 4, without its weight: the L1 distances of the discriminators' maps of true images and of made ones.

    The weights are those of the authors' code: each of the m maps of a discriminator counts 4 / m, and each of the
    discriminators 1 / their number.
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


def means_of(features: tf.Tensor, segments: tf.Tensor, count: int) -> tf.Tensor:
    """The instance-wise mean of section 3.5: features (n, h, w, c), by segments (n, h, w) below `count` -> (count, c).

    Segments of no pixel have zeros.
    """
    flat = tf.reshape(features, (-1, features.shape[-1]))
    return tf.math.unsorted_segment_mean(flat, tf.reshape(segments, (-1,)), count)


@keras.saving.register_keras_serializable(package="tfgans")
class Pix2PixHD(Adversarial):
    """Three stages: G1 at half the size (`coarse`), G2 on a frozen G1 (`enhance`), both (`joint`). Section 3.

    Losses are logged as they are minimized, times their weights. "l1" is the mean absolute difference of images in
    [-1, 1], which nothing minimizes; "d_real" and "d_fake" are the discriminators' mean outputs, ideally 1 for true
    images and 0 for made ones.
    """

    players = {
        "coarse_optimizer": ("global_generator", "head"),
        "enhance_optimizer": ("local_enhancer",),
        "g_optimizer": ("global_generator", "local_enhancer"),
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
        """`image_shape` is that of what is made. It is made of a map of `label_classes` and, with `instances`, of a map
        of objects, from which `boundary` draws where one ends; without `instances`, where one class does.

        `width` is that of G1's first map, which `downsamplings` halve, doubling the filters; `blocks` and
        `enhancer_blocks` are the residual blocks of G1 and G2. Without `enhancer` G1 makes the whole image, in one
        stage, and there are two optimizers, coarse_optimizer and d_optimizer. `scales` discriminators judge patches of
        `patch` pixels: see `build_patchgan`. `content` is a distance of `content_distance`.

        With `feature_channels` an encoder of `feature_width` gives each object so many features. `translate`, which has
        no true image, takes those of one of the `clusters` of the object's class.

        Raises UserError for sizes that do not halve so often or are too small for the patches, and without classes.
        """
        smallest = (2 if enhancer else 1) << downsamplings
        if downsamplings < 1 or not 1 <= scales <= 3:
            raise UserError("downsamplings is at least 1, and scales 1, 2 or 3")
        if min(image_shape[:2]) < 2 * smallest or any(side % smallest for side in image_shape[:2]):
            raise UserError(
                f"with downsamplings={downsamplings} sides are multiples of {smallest}, from {2 * smallest} on, not "
                f"{image_shape[0]}x{image_shape[1]}"
            )
        judged = min(image_shape[:2]) // (2 if enhancer else 1) >> (scales - 1)
        if patches_of(judged, patch) < 1:
            raise UserError(
                f"the last of {scales} discriminators judges images of {judged} pixels, too few for patches of "
                f"{patch}; set a smaller patch, or fewer scales"
            )
        if content != "none" and image_shape[2] != 3:
            raise UserError(f"'{content}' compares colour images; give gray ones --set content=none")
        if not label_classes:
            raise UserError("pix2pixhd is given label maps; name their palette")
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
        height, wide, made = image_shape
        judged_channels = label_classes + boundary + made
        given = label_classes + boundary + feature_channels
        self.global_generator = build_residual(given, width, downsamplings, blocks, "global_generator")
        self.head = build_head(width, made)
        self.discriminators = build_discriminators(judged_channels, discriminator_width, patch, scales)
        if enhancer:
            self.local_enhancer = build_enhancer(given, width, enhancer_blocks, made)
        else:
            self.players = {player: self.players[player] for player in ("coarse_optimizer", "d_optimizer")}
        if feature_channels:
            self.encoder = build_residual(made, feature_width, downsamplings, 0, "encoder", outputs=feature_channels)
            with_encoder = ("coarse_optimizer", "g_optimizer")
            self.players = {
                player: (*networks, "encoder") if player in with_encoder else networks
                for player, networks in self.players.items()
            }
            self.styles, self.members = self.cluster_weights()
        # a function, whose network Keras does not see: neither trained nor saved
        self.content_distance = content_distance(content)

    def cluster_weights(self) -> tuple[keras.Variable, keras.Variable]:
        """For each class the centres of its clusters of features, and how many objects a step were in each lately.

        Not their sum over steps: it would not fit into the half precision of exports.
        """
        own: dict[str, Any] = dict(trainable=False, autocast=False)
        start = keras.initializers.RandomUniform(-1.0, 1.0, seed=self.seed)
        shape = (self.label_classes, self.clusters)
        styles = self.add_weight(shape=(*shape, self.feature_channels), initializer=start, name="styles", **own)
        return styles, self.add_weight(shape=shape, initializer="zeros", name="members", **own)

    def batch_spec(self, n: int) -> dict[str, endpoint.Array]:
        sides = self.image_shape[:2]
        given = {"label_map": endpoint.Array((n, *sides, 1), "int32", 0, self.label_classes, "classes")}
        if self.instances:
            given["instance_map"] = endpoint.Array((n, *sides, 1), "int32", 0, IDS, "instances")
        return {**given, "target": endpoint.image(n, self.image_shape)}

    def endpoints(self) -> dict[str, endpoint.Endpoint]:
        """A larger map than twice the size of training is shrunk: the networks know things at that size."""
        given = {"label_map": endpoint.Array((None, None, None, 1), "int32", 0, self.label_classes, "classes")}
        if self.instances:
            given["instance_map"] = endpoint.Array((None, None, None, 1), "int32", 0, IDS, "instances")
        if self.feature_channels:
            given["seed"] = endpoint.number()
        return {
            "translate": endpoint.Endpoint(
                given,
                {"images": endpoint.images(self.image_shape[2])},
                # of a map halved to one pixel nothing is left: borders cannot be mirrored, nor values normalized
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

    # -- what the networks see --------------------------------------------------------------------------------------

    def maps_of(self, label_map: tf.Tensor, instance_map: tf.Tensor | None) -> tf.Tensor:
        """Both maps in one, int32 (n, h, w, 2); zeros in the place of instances that there are not."""
        ids = tf.zeros_like(label_map) if instance_map is None else instance_map % IDS
        return tf.concat([label_map, ids], -1)

    def halved(self, maps: tf.Tensor) -> tf.Tensor:
        """The maps that G1 sees: every second pixel; without an enhancer all."""
        return maps[:, ::2, ::2] if self.enhancer else maps

    def halved_image(self, images: tf.Tensor) -> tf.Tensor:
        """The images that G1 makes: means of 2x2 pixels; without an enhancer the images themselves."""
        return tf.nn.avg_pool2d(images, 2, 2, "VALID") if self.enhancer else images

    def drawn(self, maps: tf.Tensor) -> tf.Tensor:
        """Classes one-hot and, where they are wanted, boundaries."""
        classes = tf.one_hot(maps[..., 0], self.label_classes)
        return tf.concat([classes, boundaries(maps)], -1) if self.boundary else classes

    def seen(self, maps: tf.Tensor, features: tf.Tensor | None) -> tf.Tensor:
        """What generators see: what is drawn of the maps and, where there are some, the features of each object."""
        if features is None:
            return self.drawn(maps)
        return tf.concat([self.drawn(maps), tf.gather(features, self.segments(maps))], -1)

    def segments(self, maps: tf.Tensor) -> tf.Tensor:
        """A number for each object, of one class in one image: (n, h, w), below `segment_count`."""
        image = tf.range(tf.shape(maps)[0])[:, None, None]
        segment = image * self.label_classes + maps[..., 0]
        return segment * IDS + maps[..., 1] if self.instances else segment

    def segment_count(self, n: tf.Tensor | int) -> tf.Tensor | int:
        return n * self.label_classes * (IDS if self.instances else 1)

    def features_of(self, maps: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
        """Section 3.5: what the encoder finds in images, each object's mean: (segments, feature_channels)."""
        return means_of(self.encoder(images), self.segments(maps), self.segment_count(tf.shape(maps)[0]))

    def made_coarsely(self, maps: tf.Tensor, features: tf.Tensor | None) -> tf.Tensor:
        """G1's image, of maps of its size."""
        return self.head(self.global_generator(self.seen(maps, features)))

    def made(self, maps: tf.Tensor, features: tf.Tensor | None, frozen: bool = False) -> tf.Tensor:
        """G's image: G2 on G1, whose last map has no gradient if it is frozen; or G1's alone."""
        if not self.enhancer:
            return self.made_coarsely(maps, features)
        last = self.global_generator(self.seen(self.halved(maps), features))
        return self.local_enhancer([self.seen(maps, features), tf.stop_gradient(last) if frozen else last])

    # -- losses -----------------------------------------------------------------------------------------------------

    def judged(self, drawn: tf.Tensor, images: tf.Tensor) -> list[list[tf.Tensor]]:
        """Of each discriminator the maps and, last, the logits."""
        return self.discriminators(tf.concat([drawn, images], -1))

    def generator_loss(self, drawn: tf.Tensor, target: tf.Tensor, made: tf.Tensor) -> Terms:
        """Equation 5: LSGAN's loss and the feature matching loss; and the content loss, where there is one."""
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

    # -- stages -----------------------------------------------------------------------------------------------------

    def coarse(self, batch: dict[str, tf.Tensor]) -> None:
        """G1 at half the size; without an enhancer at the whole."""
        self.compete("coarse_optimizer", batch, self.made_coarsely, self.halved, self.halved_image)

    def enhance(self, batch: dict[str, tf.Tensor]) -> None:
        """G2 on G1, which stays as it is, and the encoder, too."""

        def frozen(maps: tf.Tensor, features: tf.Tensor | None) -> tf.Tensor:
            return self.made(maps, None if features is None else tf.stop_gradient(features), frozen=True)

        self.compete("enhance_optimizer", batch, frozen)

    def joint(self, batch: dict[str, tf.Tensor]) -> None:
        """G1 and G2."""
        self.compete("g_optimizer", batch, self.made)

    def compete(
        self,
        player: str,
        batch: dict[str, tf.Tensor],
        paint: Callable[[tf.Tensor, tf.Tensor | None], tf.Tensor],
        of_maps: Callable[[tf.Tensor], tf.Tensor] = tf.identity,
        of_images: Callable[[tf.Tensor], tf.Tensor] = tf.identity,
    ) -> None:
        """A step of a generator and one of the discriminators, on maps and images of the stage's size.

        Both steps see the same image of the generator. The encoder always sees images of G1's size.
        """
        whole = self.maps_of(batch["label_map"], batch["instance_map"] if self.instances else None)
        maps, target = of_maps(whole), of_images(batch["target"])
        drawn = self.drawn(maps)
        small, small_target = self.halved(whole), self.halved_image(batch["target"])

        def losses() -> tuple[Terms, tuple[tf.Tensor, tf.Tensor | None]]:
            features = self.features_of(small, small_target) if self.feature_channels else None
            made = paint(maps, features)
            return self.generator_loss(drawn, target, made), (made, features)

        made, features = self.minimize(player, losses)
        made = tf.stop_gradient(made)
        self.minimize("d_optimizer", lambda: self.discriminator_loss(drawn, target, made))
        if features is not None:
            self.cluster(small, tf.stop_gradient(features))

    # -- styles -----------------------------------------------------------------------------------------------------

    def cluster(self, maps: tf.Tensor, features: tf.Tensor) -> None:
        """A step of K-means on the features of each class, where the authors' code runs it after the training.

        Each object counts once: its pixels as much as there are few. A centre is the mean of what it was near to, where
        later steps count more, as features change: van den Oord 2017, arXiv:1711.00937, appendix A.1. The smallest
        cluster of a class, if nearly nothing is in it, begins anew with what is farthest from all centres.
        """
        segments = tf.reshape(self.segments(maps), (-1,))
        labels, points = tf.reshape(maps[..., 0], (-1,)), tf.gather(features, segments)
        pixels = tf.math.unsorted_segment_sum(tf.ones_like(points[:, 0]), segments, tf.shape(features)[0])
        weights = 1.0 / tf.gather(pixels, segments)
        centres, members = tf.convert_to_tensor(self.styles), tf.convert_to_tensor(self.members)
        distances = tf.reduce_sum(tf.square(points[:, None] - tf.gather(centres, labels)), -1)
        place = labels * self.clusters + tf.argmin(distances, -1, output_type=tf.int32)
        count = self.label_classes * self.clusters
        mass = tf.reshape(tf.math.unsorted_segment_sum(weights, place, count), members.shape)
        sums = tf.math.unsorted_segment_sum(weights[:, None] * points, place, count)
        members = FORGET * members + (1.0 - FORGET) * mass
        moved = tf.reshape(sums, centres.shape) - mass[..., None] * centres
        centres += (1.0 - FORGET) * moved / tf.maximum(members, 1e-9)[..., None]

        nearest = tf.reduce_min(distances, -1)
        mine = tf.one_hot(labels, self.label_classes, on_value=True, off_value=False, axis=0)
        far = tf.gather(points, tf.argmax(tf.where(mine, nearest, -1.0), -1))
        least = LEAST * tf.reduce_sum(members, -1)
        anew = tf.reduce_any(mine, -1) & (tf.reduce_min(members, -1) < least)
        smallest = tf.one_hot(tf.argmin(members, -1), self.clusters) > 0.0
        replaced = smallest & anew[:, None]
        self.styles.assign(tf.where(replaced[..., None], far[:, None], centres))
        self.members.assign(tf.where(replaced, least[:, None], members))

    def drawn_styles(self, n: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Features in the form of `features_of`, of n images: each object has those of a cluster of its class, the
        larger ones more often. The same in every image."""
        objects = self.segment_count(1) // self.label_classes
        shares = tf.convert_to_tensor(self.members) + 1e-9
        below = tf.cumsum(shares, -1) / tf.reduce_sum(shares, -1, keepdims=True)
        drawn = tf.random.stateless_uniform((self.label_classes, objects, 1), tf.stack([seed, 0]))
        cluster = tf.reduce_sum(tf.cast(drawn > below[:, None, :-1], tf.int32), -1)
        styles = tf.gather(tf.convert_to_tensor(self.styles), cluster, batch_dims=1)
        return tf.tile(tf.reshape(styles, (-1, self.feature_channels)), (n, 1))

    # -- use --------------------------------------------------------------------------------------------------------

    def translate(self, label_map: tf.Tensor, *more: tf.Tensor) -> tf.Tensor:
        """Label maps, int32 (n, h, w, 1) -> images (n, h, w, c) in [0, 1].

        After them come, of a model with instances, instance maps of the same form and, of one with features, a seed,
        which chooses the features of each object among those of its class.
        """
        maps = self.maps_of(label_map, more[0] if self.instances else None)
        features = self.drawn_styles(tf.shape(label_map)[0], more[-1]) if self.feature_channels else None
        return (self.made(maps, features) + 1.0) / 2.0
