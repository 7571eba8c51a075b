"""The text-mode installer: screens that make answers, in front of the engine that unattended installations use."""
