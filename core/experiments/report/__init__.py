"""The report: everything a workspace has on one HTML page that needs nothing beside it."""
