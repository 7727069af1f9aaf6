"""What well-known mistakes give on the inputs of a lesson's checks, and the sentence that names each."""
