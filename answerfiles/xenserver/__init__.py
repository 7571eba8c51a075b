"""XenServer's and XCP-ng's answer files, read into the same model."""
