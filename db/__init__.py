"""The SQLite side of a workspace: connection, migrations and typed rows."""
