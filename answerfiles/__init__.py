"""answerfiles."""
