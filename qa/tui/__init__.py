"""An operator of the installer's screens: reads what is shown, presses keys, takes screenshots."""
