"""From a run to a card: what was trained is measured, and nothing else writes numbers."""
