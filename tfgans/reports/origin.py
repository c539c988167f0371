"""The recipe of a card, and how the training differs from the paper."""

from tfgans import models
from tfgans.card import Card
from tfgans.errors import UserError
from tfgans.recipe import Recipe


def recipe_of(card: Card) -> Recipe | None:
    """None where this installation does not have the GAN or the recipe."""
    try:
        return models.recipe(card.gan, card.recipe)
    except UserError:
        return None


def deviations(card: Card) -> list[str]:
    """Each difference from the paper, then each setting in which the training departs from the recipe: a sentence."""
    recipe = recipe_of(card)
    return [*recipe.deviations, *recipe.departures(card.settings)] if recipe else []
