"""Workarounds for what Textual does wrong, and the explorer's uses of its private parts.

Each module names the behavior that it corrects, and the upstream issue where one is known. Its
tests in ``tests/tui/textual_patches`` fail once Textual itself behaves: then the module can go.

``install`` patches Textual's classes. The other modules are used directly. Importing this package
must not load Textual.
"""
