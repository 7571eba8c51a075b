"""The programs that users type, each with the list of packages whose subcommands it offers.

``build_machine`` is ``dom0kit`` on a build machine, ``dom0_image`` is ``dom0kit`` in the dom0 image, and ``dom0ctl`` manages an
installed host.
"""
