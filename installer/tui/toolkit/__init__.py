"""Building blocks of the text-mode screens: terminal, forms, wizard."""
