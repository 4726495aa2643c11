"""What loggers need of the machine: Weights & Biases by its environment, and TensorBoard's package."""
