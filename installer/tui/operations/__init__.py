"""Operations that screens start: network tests, pool requests, packages, exports."""
