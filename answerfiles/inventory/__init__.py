"""Inventories of many hosts: templates, rendering of answer files, install markers."""
