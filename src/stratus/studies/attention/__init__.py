"""What an encoder looks at: attention from [CLS], beside roll-out and gradients, against nulls."""
