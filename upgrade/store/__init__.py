"""The images on the system partition: which there are, staging another one, removing one."""
