"""Inputs and results of an installation: answers, packages, installed disks."""
