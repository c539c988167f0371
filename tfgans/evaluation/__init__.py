"""Evaluation: from runs to cards. All numbers on cards are written here."""
