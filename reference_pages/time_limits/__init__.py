"""The reference of every time limit in the product, collected from its source."""
