"""Training, evaluation and prediction over any module: the loop, its arguments and data, and going on after a stop."""
