"""Generators of the pages in ``docs/reference/`` that are made from the code: ``python -m reference_pages``.

``registry`` lists the pages. Neither the dom0 image nor the wheel contains this package.
"""
