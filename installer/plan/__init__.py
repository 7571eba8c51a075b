"""Plan an installation from facts and answers (pure): preconditions, actions and their order."""
