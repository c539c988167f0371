"""What `tfgans list` prints. It needs no TensorFlow."""

from collections.abc import Iterator

from tfgans import card as cards
from tfgans import models
from tfgans.errors import UserError


def lines() -> Iterator[str]:
    """Every GAN: what it is, its paper, its recipes and what is in saved_models; the judges; what has no card."""
    saved: dict[str, cards.Card] = {}
    others = []
    judges = [name for name in cards.folders("saved_model.pb") if name.startswith("judge-")]
    for folder, path in cards.folders("saved_model.pb").items():
        try:
            card = cards.read_card(path)
        except UserError as error:
            others.append(f"{folder} ({error})")
            continue
        if card is not None:
            saved[folder] = card
        elif folder not in judges:
            others.append(f"{folder} (not measured yet, so it has no card)")
    for name, (_, line, paper) in models.MODELS.items():
        yield f"{name:14} {line}; {paper}"
        yield f"{'':14} recipes: {', '.join(models.recipes(name))}"
        for folder, card in saved.items():
            if card.gan == name:
                yield f"{'':14} saved:   {folder} ({card.headline()})"
    yield f"{'judges':14} {', '.join(judges) or 'none; make one with: tfgans judge train mnist'}"
    for other in others:
        yield f"{'other':14} {other}"
