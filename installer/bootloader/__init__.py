"""Install GRUB on BIOS and UEFI machines, and its menus."""
