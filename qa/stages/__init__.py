"""Stages: machines' disks in a state that takes long to reach, kept between runs by the hash of what they were made from."""
