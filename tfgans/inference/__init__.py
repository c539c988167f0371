"""From a trained model to pictures: exports, and what is done with them."""
