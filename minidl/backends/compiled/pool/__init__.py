"""Max- and average-pooling."""
