"""Sets of images that belong together, pairs or two domains, from folders or from two data sets."""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from tfgans.data.degraded import degraded
from tfgans.data.folder import labelled, load_folder
from tfgans.data.image_set import ImageSet, check_options
from tfgans.data.load import load
from tfgans.data.palettes import palette as palette_of
from tfgans.data.roles import ROLES, Names, encodings_of, natural, roles_of
from tfgans.data.set_folders import (
    HALVES,
    check_filled,
    check_halves,
    check_partners,
    check_sizes,
    few,
    find_sets,
    read_set,
)
from tfgans.errors import UserError

log = logging.getLogger(__name__)

PREFIXES = ("pairs:", "domains:")
PAIRINGS = ("aligned", "shuffled", "halves")

Shape = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Domains:
    """Sets of images by name, and their roles.

    `roles` maps source and target, or a and b, to the names of sets: one, or a label map's and an instance map's.
    `pairing` determines how training draws: "aligned" sets share order, crops and flips; "shuffled" ones and "halves"
    are drawn independently. `aligned`: whether example i of one set corresponds to example i of the others.
    """

    name: str
    sets: dict[str, ImageSet]
    roles: dict[str, tuple[str, ...]]
    pairing: str
    aligned: bool

    def __len__(self) -> int:
        """The number of pairs, or of images in all roles if they are drawn independently."""
        sizes = [len(self.sets[names[0]]) for names in self.roles.values()]
        return sizes[0] if self.pairing == "aligned" else sum(sizes)

    @property
    def points(self) -> bool:
        return any(each.points for each in self.sets.values())

    @property
    def labels(self) -> np.ndarray | None:
        """The class labels of the first role's set, or None."""
        return self.sets[next(iter(self.roles.values()))[0]].labels

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.sets[next(iter(self.roles.values()))[0]].class_names

    @property
    def titles(self) -> list[str]:
        """The name of each role's first set; for A and B in a folder such as horse2zebra, horse and zebra."""
        names = [names[0] for names in self.roles.values()]
        found = re.match(r"([^\W\d_]+)2([^\W\d_]+)", Path(self.name.partition(":")[2]).name)
        return [found[1], found[2]] if found and names == ["A", "B"] and found[1] != found[2] else names

    @cached_property
    def by_role(self) -> dict[str, dict[str, ImageSet]]:
        """{role: {key of a batch: set}}: the key is the role; label_map and instance_map for maps in `source`."""
        keys = {"classes": "label_map", "instances": "instance_map"}
        found = {}
        for role, names in self.roles.items():
            members = [self.sets[name] for name in names]
            found[role] = {keys.get(each.encoding, role) if role == "source" else role: each for each in members}
            if len(found[role]) < len(members):
                raise UserError(f"{self.name}: the role '{role}' takes one set, or a label map and an instance map")
        return found

    @property
    def by_key(self) -> dict[str, ImageSet]:
        """The sets by their keys in a batch."""
        return {key: each for members in self.by_role.values() for key, each in members.items()}


def is_domains(name: str) -> bool:
    """Whether `load_domains` reads a data set of this name."""
    return name.startswith(PREFIXES)


@dataclass(frozen=True)
class _Options:
    """The arguments of `load_domains` that the readers need."""

    split: str
    shapes: Callable[[str], Shape | None]  # of a role
    keep_size: bool
    limit: int | None
    minimum: int | None
    data_dir: str | None
    download: bool


def load_domains(
    name: str,
    split: str = "train",
    *,
    roles: Mapping[str, Names] | None = None,
    pairing: str | None = None,
    palette: str | None = None,
    data_dir: str | None = None,
    image_shape: Shape | None = None,
    shapes: Mapping[str, Shape] | None = None,
    load_shape: int | Sequence[int] | None = None,
    limit: int | None = None,
    keep_size: bool = False,
    minimum: int | None = None,
    degradation: str = "",
    download: bool = False,
) -> Domains:
    """Read `pairs:X` or `domains:X` into memory; by default pairs are "aligned", domains "shuffled" (see `pairing`).

    X is a folder with sub-folders train, val, test (or a tenth is held out by a hash of the names). Each contains

    * side-by-side images, the sets "left" and "right": twice as wide as high, or named by `roles`;
    * or a folder for each set, with any names, such as A/ B/ or image/ label/ instance/; the same file name is a pair;

    or X is a folder with trainA, trainB, testA, testB, or two names for `load` joined by a comma
    (mnist,folder:data/usps). With "halves", X is one name for `load`: a is one half of it, b the other half after
    `degradation`; in the test split, a is every image and b its degradation. "test" is "val" if there is no "test".

    `roles` maps source and target, or a and b, to set names; by default the two sets in natural order. A list is a
    label map and an instance map. A set named instance is an instance map; with a `palette` (a name or file), sets
    named label, or otherwise the source, are label maps.

    Images are scaled and cropped to `image_shape`, or `shapes` by role; for training to `load_shape` (a side, or height
    and width) if given; with `keep_size` they keep their sizes, and images smaller than `image_shape` are left out.
    Maps are scaled by nearest neighbour. `limit`, `minimum`, `data_dir`, `download`: as for `load`.

    Raises UserError, with the file names, if names have no partner, the sizes of a pair or counts differ, a set is
    empty, a file of a pair or a map cannot be read, or ids lie outside the palette.
    """
    kind, _, place = name.partition(":")
    pairing = pairing or ("aligned" if kind == "pairs" else "shuffled")
    if pairing not in PAIRINGS:
        raise UserError(f"pairing must be {', '.join(PAIRINGS)}, not '{pairing}'")
    if degradation and pairing != "halves":
        raise UserError(f"{name}: a degradation needs the pairing 'halves', not '{pairing}'")
    for shape in (image_shape, *(shapes or {}).values()):
        check_options(shape if shape and tuple(shape) != (1, 1, 2) else None, limit)
    side = (load_shape, load_shape) if isinstance(load_shape, int) else load_shape

    def shape_of(role: str) -> Shape | None:
        shape = (shapes or {}).get(role, image_shape)
        if shape is None or side is None or split != "train":
            return shape if shape is None else (shape[0], shape[1], shape[2])
        if side[0] < shape[0] or side[1] < shape[1]:
            raise UserError(f"a load_shape of {list(side)[:2]} is smaller than the crops of {list(shape)[:2]}")
        return (side[0], side[1], shape[2])

    options = _Options(split, shape_of, keep_size, limit, minimum, data_dir, download)
    by_name = pairing == "halves" or ("," in place and not Path(place).expanduser().is_dir())
    if palette and by_name:
        raise UserError(f"{name}: a palette needs a folder of sets with maps")
    if pairing == "halves":
        found = _halves(name, place, degradation, ROLES[kind], options)
    elif by_name:
        found = _named(name, place.split(","), roles, ROLES[kind], pairing, options)
    else:
        found = _folder(name, Path(place).expanduser(), roles, ROLES[kind], pairing, palette, options)
    if split == "test":
        return replace(found, pairing="aligned" if found.aligned else "shuffled")
    return found


# --- folders ----------------------------------------------------------------------------------------------------------


def _folder(
    name: str,
    root: Path,
    roles: Mapping[str, Names] | None,
    usual: tuple[str, str],
    pairing: str,
    palette_name: str | None,
    options: _Options,
) -> Domains:
    files = find_sets(root, options.split)
    halves = list(files) == [""]
    if halves:
        check_halves(root, files[""], exact=not roles)
    chosen = roles_of(name, HALVES if halves else sorted(files, key=natural), roles, usual)
    table = palette_of(palette_name) if palette_name else None
    encodings = encodings_of(name, chosen, table is not None)
    sets: dict[str, ImageSet] = {}
    for group in _groups(chosen, pairing):
        mine = {each: files["" if halves else each] for each in group}
        check_filled(root, mine)
        if len(group) > 1 and not halves:
            check_partners(root, mine)
            check_sizes(root, mine)
        for each, role in group.items():
            sets[each] = read_set(
                f"{name}/{each}",
                root,
                mine[each],
                encodings[each],
                table,
                shape=options.shapes(role),
                keep_size=options.keep_size,
                half=HALVES.index(each) if halves else None,
                split=options.split,
                limit=options.limit,
                minimum=options.minimum,
                strict=len(group) > 1,
            )
            if role in ("a", "b") and not halves:
                everything = list(find_sets(root, "all").get(each, {}).values())
                sets[each] = labelled(sets[each], root / each, everything)
            _hint_at_palette(sets[each])
    return _domains(name, sets, chosen, pairing, options)


def _groups(roles: dict[str, tuple[str, ...]], pairing: str) -> list[dict[str, str]]:
    """The sets that correspond, {set: role}: all of them if aligned, otherwise those of each role."""
    groups = [{each: role for each in names} for role, names in roles.items()]
    return [{each: role for group in groups for each, role in group.items()}] if pairing == "aligned" else groups


def _hint_at_palette(source: ImageSet) -> None:
    folder = source.name.rpartition("/")[2].casefold()
    if source.encoding == "image" and folder.startswith("label") and source.pixels.max() < 64:
        log.warning("%s: no value is above %d; if they are class ids, give a palette", source.name, source.pixels.max())


def _domains(
    name: str, sets: dict[str, ImageSet], roles: dict[str, tuple[str, ...]], pairing: str, options: _Options
) -> Domains:
    """The sets without images smaller than the crops, and whether they correspond."""
    for group in _groups(roles, pairing):
        shapes = {each: options.shapes(role) for each, role in group.items()}
        large = [
            (sets[each].shapes[:, :2] >= shape[:2]).all(axis=1) for each, shape in shapes.items() if shape is not None
        ]
        keep = np.logical_and.reduce(large) if large else np.ones(1, bool)
        if keep.all():
            continue
        first = next(shape for shape in shapes.values() if shape is not None)
        crops = f"the crops of {first[0]}x{first[1]}"
        if not keep.any():
            raise UserError(
                f"{name}: none of {len(keep)} images is as large as {crops}; make them smaller, or scale the images "
                "with load_shape or crop=false"
            )
        log.warning("%s: %d of %d images are smaller than %s, left out", name, (~keep).sum(), len(keep), crops)
        sets = sets | {each: sets[each].subset(np.flatnonzero(keep)) for each in group}
    by_role = [sets[names[0]] for names in roles.values()]
    named = all(each.names for each in by_role) and len({each.names for each in by_role}) == 1
    found = Domains(name, sets, roles, pairing, aligned=named or pairing == "aligned")
    _ = found.by_key  # fail now rather than in the first batch if sets do not go together
    return found


# --- data sets by name ------------------------------------------------------------------------------------------------


def _load(name: str, role: str, options: _Options) -> ImageSet:
    shape = options.shapes(role)
    if name.startswith("folder:"):
        return load_folder(name, options.split, shape, options.limit, options.keep_size, options.minimum, by_stem=True)
    return load(
        name,
        options.split,
        data_dir=options.data_dir,
        image_shape=shape,
        limit=options.limit,
        download=options.download,
        keep_size=options.keep_size,
        minimum=options.minimum,
    )


def _named(
    name: str,
    parts: list[str],
    roles: Mapping[str, Names] | None,
    usual: tuple[str, str],
    pairing: str,
    options: _Options,
) -> Domains:
    """Two data sets; each set is called by the last part of its name."""
    short = [Path(part.strip().removeprefix("folder:")).name for part in parts]
    if len(set(short)) < len(short):
        short = [f"{each}{i}" for i, each in enumerate(short, 1)]
    chosen = roles_of(name, short, roles, usual)
    where = dict(zip(short, (part.strip() for part in parts), strict=True))
    sets = {each: _load(where[each], role, options) for role, names in chosen.items() for each in names}
    for group in _groups(chosen, pairing):
        first, *others = group
        for other in others:
            one, two = sets[first], sets[other]
            if one.names and two.names:
                alone = sorted(set(one.names) ^ set(two.names))
                if alone:
                    raise UserError(f"{name}: these names are in one of {first} and {other} only: {few(alone)}")
                place = {key: i for i, key in enumerate(two.names)}
                sets[other] = two.subset(np.array([place[key] for key in one.names]))
            elif len(one) != len(two):
                raise UserError(
                    f"{name}: aligned sets need as many images, but {first} has {len(one)}, {other} {len(two)}"
                )
    return _domains(name, sets, chosen, pairing, options)


def _halves(name: str, place: str, degradation: str, usual: tuple[str, str], options: _Options) -> Domains:
    if not degradation or "," in place:
        raise UserError(f"{name}: halves take one data set and a degradation for the second half")
    source = _load(place, usual[0], options)
    if source.points:
        raise UserError(f"{name}: points cannot be degraded; choose a data set of images")
    n, test = len(source), options.split == "test"
    if n < 2 and not test:
        raise UserError(f"{name}: {n} images cannot be halved")
    order = np.random.default_rng(0).permutation(n)  # the first half of sorted images would be a single class
    one, two = (np.arange(n), np.arange(n)) if test else (order[: n // 2], order[n // 2 :])
    short = Path(place.removeprefix("folder:")).name
    sets = {short: source.subset(one), degradation: degraded(source.subset(two), degradation)}
    return Domains(name, sets, {usual[0]: (short,), usual[1]: (degradation,)}, "halves", aligned=test)
