"""The library: data, method, training, retrieval and evaluation, without any front end."""
