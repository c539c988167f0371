"""From cards to documents: the README's tables, the ledger of claims, pages of runs, chapters."""
