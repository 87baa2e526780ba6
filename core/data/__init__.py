"""Catalogues and pictures: reading tables, decoding, thumbnails, triplets' raw material."""
