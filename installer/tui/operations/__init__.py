"""What pages of the installer start: network tests, pool requests, exports."""
