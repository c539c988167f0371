"""Exporting trained models and applying exported models to pictures."""
