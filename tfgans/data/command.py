"""`tfgans data`: where the images of recipes and cards come from, and whether they are here."""

import functools
import textwrap
from collections.abc import Iterator

from tfgans import models
from tfgans.data.catalogue import Entry, check, entries, entry, places_of, state
from tfgans.errors import UserError

WIDTH = 100


def data_command(name: str | None, data_dir: str | None) -> None:
    """Print the list of all data sets, or one of them and its check. UserError where that one is absent or differs."""
    if name is None:
        print("\n".join(table(data_dir)))
        return
    each = entry(name)
    print("\n".join(description(each)), flush=True)
    report = check(each, data_dir)
    for line in report.lines:
        print(f"{'here:':12}{line}")
    if report.problem:
        raise UserError(report.problem)


@functools.cache
def users() -> dict[str, dict[str, list[str]]]:
    """The recipes that read a place: {place: {GAN: [recipe, ...]}}."""
    found: dict[str, dict[str, list[str]]] = {}
    for gan in models.MODELS:
        for key, recipe in models.recipes(gan).items():
            for place in places_of(recipe):
                found.setdefault(place, {}).setdefault(gan, []).append(key)
    return found


def table(data_dir: str | None = None) -> Iterator[str]:
    """Every data set: its name, whether it is here, what it is, and the GANs whose recipes read it."""
    yield f"{'name':16} {'here':8} what it is"
    for each in entries().values():
        yield f"{each.name:16} {state(each, data_dir):8} {each.title}"
        used = [
            f"{gan} ({len(keys)})" if len(keys) > 1 else gan for gan, keys in users().get(each.place, {}).items()
        ] + [each.also] * bool(each.also)
        yield from _folded("", f"used by: {', '.join(used)}", 26)


def description(each: Entry) -> Iterator[str]:
    """What the catalogue knows of a data set."""
    yield f"{each.name}: {each.title}"
    used = [f"{gan} ({', '.join(keys)})" for gan, keys in users().get(each.place, {}).items()]
    facts = {
        "from": ", ".join(each.source),
        "copy": each.copy,
        "licence": each.licence,
        "place": f"TensorFlow Datasets, {each.tfds}" if each.tfds else each.place if "/" in each.place else "",
        "layout": each.layout,
        "used by": ", ".join(used + [each.also] * bool(each.also)),
    }
    for key, text in facts.items():
        if text:
            yield from _folded(f"{key}:", text, 12)
    for part, recorded in each.parts.items():
        yield f"{'recorded:':12}{'all' if part == '.' else part}: {recorded}"
    if each.length:
        yield f"{'recorded:':12}{each.length:,} bytes, fingerprint {each.fingerprint}"


def _folded(label: str, text: str, indent: int) -> list[str]:
    """A text in lines of at most WIDTH, behind a label; URLs are never broken."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=f"{label:{indent}}",
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
