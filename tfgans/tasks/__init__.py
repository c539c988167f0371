"""What kinds of things models do: how each is measured, drawn and shown in tables."""
