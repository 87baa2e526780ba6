"""The catalog: workspace, import, pictures, thumbnails, and the items as columns."""
