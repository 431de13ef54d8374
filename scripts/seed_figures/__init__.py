"""Repeats the seed's comparison through the product's own queue: `make seed-figures`."""
